import {
  createServer,
  type IncomingMessage,
  type ServerResponse,
} from "node:http";
import { describe, expect, it } from "vitest";
import { FakeClock } from "../../../support/fake-clock.ts";
import { RequestHead } from "../../../../src/workers/handshake/request-head.ts";
import {
  type PlainOwner,
  PlainStream,
} from "../../../../src/workers/plain/plain-stream.ts";

const PIECE_BYTES = 64 * 1024;

/** A stream whose socket takes what it is given when the test says so. */
class Scene {
  readonly events: string[] = [];
  readonly pieces: Buffer[] = [];
  readonly counts: string[] = [];
  readonly #writer = {
    bufferedBytes: 0,
    bytes: (piece: Uint8Array): void => {
      this.pieces.push(Buffer.from(piece));
      this.#writer.bufferedBytes += piece.byteLength;
    },
    write: (): void => {},
  };
  readonly host = {
    clock: new FakeClock(0),
    counters: { add: (name: string): void => void this.counts.push(name) },
    isLeaving: false,
    maxTrailerBytes: 100,
  };
  readonly stream: PlainStream;
  readonly requests: IncomingMessage[] = [];
  readonly responses: ServerResponse[] = [];
  readonly verdicts: boolean[] = [];

  constructor() {
    const owner: PlainOwner = {
      id: "c1",
      isSecure: false,
      remoteAddress: "192.0.2.1",
      remotePort: 4711,
      writer: this.#writer,
      tell: (event) => void this.events.push(event),
      awaitTurn: () => void this.events.push("(turn)"),
      pauseReading: () => void this.events.push("(pause)"),
      resumeReading: () => void this.events.push("(resume)"),
    };
    this.stream = new PlainStream(owner, this.host);
    const server = createServer((request, response) => {
      this.verdicts.push(this.stream.begin(request, response));
      this.requests.push(request);
      this.responses.push(response);
    });
    server.emit("connection", this.stream);
  }

  async serve(text: string, framing: number | "chunked" = 0): Promise<void> {
    const raw = `${text}\r\nHost: sluice.test\r\n\r\n`;
    this.stream.serve({
      head: new RequestHead(raw),
      framing,
      rest: Buffer.alloc(0),
    });
    await turn();
  }

  /** The kernel has taken everything. */
  async take(): Promise<void> {
    this.#writer.bufferedBytes = 0;
    this.stream.flushed();
    await turn();
  }

  get buffered(): number {
    return this.#writer.bufferedBytes;
  }

  get last(): ServerResponse {
    return this.responses.at(-1) as ServerResponse;
  }
}

/** Whatever waits for a tick or a promise has had it. */
const turn = (): Promise<void> =>
  new Promise((resolve) => void setImmediate(resolve));

describe("a connection, as Node's HTTP server sees it", () => {
  it("is answered when the kernel has taken the answer, not before", async () => {
    const scene = new Scene();
    await scene.serve("GET / HTTP/1.1");
    scene.last.end("hello");
    await turn();
    expect(scene.events).toEqual(["request.received"]);
    await scene.take();
    expect(scene.events).toEqual(["request.received", "request.answered"]);
    expect(scene.counts).toEqual(["requests", "answers"]);
  });

  it("gives the socket a large answer in pieces, and says while one is not taken", async () => {
    const scene = new Scene();
    await scene.serve("GET / HTTP/1.1");
    scene.last.setHeader("Content-Length", 3 * PIECE_BYTES);
    scene.last.end(Buffer.alloc(3 * PIECE_BYTES));
    await turn();
    for (let taken = 0; scene.buffered > 0; taken++) {
      expect(taken).toBeLessThan(5);
      expect(scene.buffered).toBeLessThan(2 * PIECE_BYTES);
      scene.stream.flushed();
      expect(scene.events.at(-1)).toBe("answer.stalled");
      await scene.take();
      expect(scene.events).toContain("answer.taken");
    }
    expect(Buffer.concat(scene.pieces).length).toBeGreaterThan(3 * PIECE_BYTES);
    expect(scene.events.at(-1)).toBe("request.answered");
  });

  it("keeps what has come of the next request until this one is answered", async () => {
    const scene = new Scene();
    await scene.serve("POST / HTTP/1.1\r\nContent-Length: 2", 2);
    scene.stream.receive(Buffer.from("okGET /next"));
    scene.stream.receive(Buffer.from(" HTTP/1.1"));
    await turn();
    scene.last.end();
    await turn();
    await scene.take();
    expect(scene.events.at(-1)).toBe("request.answered");
    expect(scene.stream.takeAhead().toString()).toBe("GET /next HTTP/1.1");
    expect(scene.stream.takeAhead()).toHaveLength(0);
  });

  it("stops reading when too much has come ahead of its turn", async () => {
    const scene = new Scene();
    await scene.serve("GET / HTTP/1.1");
    scene.stream.receive(Buffer.alloc(16 * 1024));
    expect(scene.stream.isFull).toBe(false);
    scene.stream.receive(Buffer.alloc(1));
    expect(scene.stream.isFull).toBe(true);
    expect(scene.events.at(-1)).toBe("(pause)");
  });

  it("stops reading a body that the handlers do not read, and reads on when they do", async () => {
    const scene = new Scene();
    await scene.serve("POST / HTTP/1.1\r\nContent-Length: 9000000", 9_000_000);
    for (let sent = 0; sent < 4_000_000 && !scene.stream.isFull; sent += 50_000)
      scene.stream.receive(Buffer.alloc(50_000));
    expect(scene.stream.isFull).toBe(true);
    scene.requests[0]?.resume();
    await turn();
    expect(scene.events).toContain("(resume)");
    expect(scene.stream.isFull).toBe(false);
  });

  it("knows a request that it has not given to the parser, and takes no second one", async () => {
    const scene = new Scene();
    // As if the two readers saw two requests where ours has seen one.
    await scene.serve("GET / HTTP/1.1");
    scene.stream.push(Buffer.from("GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"));
    await turn();
    expect(scene.verdicts).toEqual([true, false]);
    expect(scene.counts).toEqual(["requests"]);
  });

  it("ends the connection when Node waits for more of a body than there is", async () => {
    const scene = new Scene();
    // Ours sees no body; the parser reads a length.
    await scene.serve("POST / HTTP/1.1\r\nContent-Length: 5", 0);
    scene.last.end();
    await turn();
    await scene.take();
    scene.host.clock.advance(0);
    await turn();
    expect(scene.events.at(-1)).toBe("request.concluded");
  });

  it("says with every answer that it is the last while its shard leaves", async () => {
    const scene = new Scene();
    scene.host.isLeaving = true;
    await scene.serve("GET / HTTP/1.1");
    scene.last.end();
    await turn();
    await scene.take();
    expect(Buffer.concat(scene.pieces).toString()).toMatch(
      /^Connection: close\r$/m,
    );
    expect(scene.events.at(-1)).toBe("request.concluded");
  });

  it("tells its connection when it is destroyed, once, and not when the connection itself has ended it", async () => {
    const destroyed = new Scene();
    await destroyed.serve("GET / HTTP/1.1");
    destroyed.stream.destroy();
    destroyed.stream.destroy();
    await turn();
    expect(
      destroyed.events.filter((event) => event === "socket.closed"),
    ).toHaveLength(1);
    const left = new Scene();
    await left.serve("GET / HTTP/1.1");
    left.stream.leave();
    await turn();
    expect(left.events).not.toContain("socket.closed");
    expect(left.last.destroyed).toBe(true);
  });

  it("has a timeout as sockets have it, which every byte puts off", async () => {
    const scene = new Scene();
    let timeouts = 0;
    await scene.serve("POST / HTTP/1.1\r\nContent-Length: 9", 9);
    scene.requests[0]?.setTimeout(100, () => void timeouts++);
    scene.host.clock.advance(90);
    scene.stream.receive(Buffer.from("1"));
    scene.host.clock.advance(90);
    expect(timeouts).toBe(0);
    scene.host.clock.advance(20);
    expect(timeouts).toBe(1);
  });

  it.each([
    ["a size that is no number", "x\r\n"],
    ["an extension", "1;a\r\n"],
  ])("has a broken request: %s", async (_, body) => {
    const scene = new Scene();
    await scene.serve(
      "POST / HTTP/1.1\r\nTransfer-Encoding: chunked",
      "chunked",
    );
    scene.stream.receive(Buffer.from(body));
    expect(scene.events).toEqual(["request.broken"]);
    expect(scene.stream.giveUp()).toBe(true);
  });
});
