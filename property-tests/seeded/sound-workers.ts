import type { Defect } from "./defect.ts";

const verdicts = ["test/real/connections/verdicts.test.ts"];

/** Mistakes in the connection's path through its thread. */
export const workersDefects: readonly Defect[] = [
  {
    rule: "nothing of a peer is handled after a verdict on it",
    file: "src/workers/connection/inbox.ts",
    original: `    if (this.#stage === "shut") return;\n    const { config }`,
    defective: "    const { config }",
    suites: verdicts,
    law: "is not listened to: throw",
  },
  {
    rule: "a thread does not end before the handlers of those who have left",
    file: "src/workers/shard-context.ts",
    original: "      this.#underWay === 0 &&\n",
    defective: "",
    suites: verdicts,
    law: "finishes in an orderly shutdown",
  },
  {
    rule: "who is not read from is asked whether it is still there",
    file: "src/workers/lifecycle/heartbeat.ts",
    original: `        if (connection.isSilent) connection.tell("heartbeat.unheard");\n`,
    defective: "",
    suites: ["test/unit/workers/lifecycle/heartbeat.test.ts"],
  },
  {
    rule: "nobody is judged late before what has arrived is read",
    file: "src/workers/lifecycle/timer-wheel.ts",
    original: "this.#clock.afterPoll(() => {",
    defective: "[0].forEach(() => {",
    suites: ["test/unit/workers/lifecycle/timer-wheel.test.ts"],
  },
  {
    rule: "what foreign code has thrown is plain text once it is described",
    file: "src/foreign-value.ts",
    original: `      message: textOf(read(value, "message")),`,
    defective: `      message: read(value, "message") as string,`,
    suites: ["test/unit/foreign-value.test.ts"],
  },
  {
    rule: "what topics deliver counts for the connection",
    file: "src/workers/topics/fan-out.ts",
    original: "      subscriber.messagesOut += frames.length;\n",
    defective: "",
    suites: ["test/unit/workers/topics/fan-out.test.ts"],
  },
  {
    rule: "handlers have not settled before what they sent is compressed",
    file: "src/workers/connection/inbox.ts",
    original:
      "    if (this.#connection.compressor?.isIdle === false) return;\n",
    defective: "",
    suites: ["test/unit/workers/connection/inbox.test.ts"],
  },
  {
    rule: "our close frame goes behind what is being compressed",
    file: "src/workers/connection/machine-actions.ts",
    original: "    if (connection.compressor?.isIdle !== false)\n",
    defective: "",
    suites: ["property-tests/machines"],
  },
  {
    rule: "who waits for the compressor hears that it is idle",
    file: "src/workers/connection/machine-actions.ts",
    original: `  else connection.tell("compressor.idle");`,
    defective: "",
    suites: ["test/real/connections/compression.test.ts"],
  },
  {
    rule: "while it compresses, no close frame is queued and none is flushed",
    file: "src/machines/connection-machine.ts",
    original: `"compressor.idle": {\n              target: "answering",\n              actions: "sendCloseFrame",\n            },`,
    defective: `"buffer.flushed": {\n              target: "answering",\n              actions: "sendCloseFrame",\n            },`,
    suites: ["property-tests/machines"],
  },
  {
    rule: "after a standstill of the process, shards get a moment before they are ended",
    file: "src/main/patient-clock.ts",
    original: "if (leftMs > 0) return this.#arm(wait, leftMs);",
    defective: "",
    suites: ["test/unit/main/patient-clock.test.ts"],
  },
  {
    rule: "who was closed sees the end of TCP, whoever has inherited the socket",
    file: "src/workers/connection/machine-actions.ts",
    original: `      transport.end(() => {
        transport.destroy();
        connection.tell("socket.closed");
      });`,
    defective: `      {
        transport.destroy();
        connection.tell("socket.closed");
      }`,
    suites: ["test/real/connections/helpers.test.ts"],
  },
  {
    rule: "nobody makes room for more than it was given",
    file: "src/topics/outbox.ts",
    original: "Math.max(0, this.backlogBytes - bytes)",
    defective: "this.backlogBytes - bytes",
    suites: ["test/unit/topics/outbox.test.ts"],
  },
];
