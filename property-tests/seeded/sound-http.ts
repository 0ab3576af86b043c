import type { Defect } from "./defect.ts";

const STREAM = "src/workers/plain/plain-stream.ts";
const http = ["test/real/connections/http.test.ts"];

/** Mistakes in plain HTTP. */
export const httpDefects: readonly Defect[] = [
  {
    rule: "a request has one length",
    file: "src/workers/handshake/framing.ts",
    original: "isChunked && contentLength === undefined && !isHttp10",
    defective: "isChunked && !isHttp10",
    suites: http,
    law: "both a length and chunks",
  },
  {
    rule: "the next request waits until this one is answered",
    file: STREAM,
    original: "if (used < chunk.length) this.#keep(chunk.subarray(used));",
    defective: "if (used < chunk.length) this.push(chunk.subarray(used));",
    suites: http,
  },
  {
    rule: "what came first is read first",
    file: "src/workers/connection/connection.ts",
    original: `    this.#readAhead();
    if (this.lifecycle.name === "plain.idle") this.tell("request.begun");`,
    defective: `    if (this.lifecycle.name === "plain.idle") this.tell("request.begun");`,
    suites: http,
    law: "throws the rest of a body away",
  },
  {
    rule: "an answer is over when the kernel has it",
    file: STREAM,
    original: "if (writer.bufferedBytes === 0) this.#allTaken();",
    defective: "if (this.#unwritten.length === 0) this.#allTaken();",
    suites: http,
  },
  {
    rule: "who reads is not in the way",
    file: STREAM,
    original: `      this.#owner.tell("answer.taken");`,
    defective: "",
    suites: ["test/unit/workers/plain/plain-stream.test.ts"],
  },
  {
    rule: "the address is that of the request, not of the connection",
    file: "src/workers/connection/connection.ts",
    original: `    this.#request = null;
    this.#remoteAddress = null;
    this.handshake`,
    defective: `    this.#request = null;
    this.handshake`,
    suites: http,
    law: "what a trusted proxy says",
  },
  {
    rule: "who leaves says so with every answer",
    file: STREAM,
    original: "if (this.#isLast || this.#host.isLeaving) this.announceLast();",
    defective: "if (this.#isLast) this.announceLast();",
    suites: http,
    law: "that waits first",
  },
  {
    rule: "half of an answer is not taken for all of it",
    file: "src/workers/plain/plain-server.ts",
    original: "if (!response.writableEnded) response.destroy();",
    defective: "if (!response.writableEnded) response.end();",
    suites: http,
    law: "cuts an answer that has begun",
  },
  {
    rule: "who was being answered when its thread died was cut",
    file: "src/protocol/shard-counters.ts",
    original: `answeredStates.has(name) ? "served" : "cut"`,
    defective: `answeredStates.has(name) ? "served" : "served"`,
    suites: ["test/unit/protocol/shard-counters.test.ts"],
  },
];
