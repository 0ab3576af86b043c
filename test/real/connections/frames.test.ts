import { describe, expect, it } from "vitest";
import { channels } from "../../../src/index.ts";
import { overhear } from "../../support/diagnostics.ts";
import { closeFrame, frame, OPCODE } from "../../../src/testing/frame-codec.ts";
import { listenToNews } from "../../support/news.ts";
import { RawClient } from "../../support/raw-client.ts";
import { shareServer, startServer } from "../../support/server.ts";
import { until, within } from "../../support/within.ts";

/** The server's close frame, byte for byte: never masked (RFC 6455, 5.1). */
function closeBytes(code: number, reason = ""): string {
  const payload = Buffer.alloc(2 + Buffer.byteLength(reason));
  payload.writeUInt16BE(code);
  payload.write(reason, 2);
  return Buffer.concat([Buffer.from([0x88, payload.length]), payload]).toString(
    "hex",
  );
}

/** What came behind the response to the upgrade. */
function framesOf(client: RawClient): string {
  const bytes = Buffer.concat(client.received);
  return bytes.subarray(bytes.indexOf("\r\n\r\n") + 4).toString("hex");
}

const broken: { what: string; bytes: Buffer; code: number }[] = [
  {
    what: "an unmasked frame",
    bytes: frame(OPCODE.text, "x", { isMasked: false }),
    code: 1002,
  },
  {
    what: "a reserved bit without an extension",
    bytes: frame(OPCODE.text, "x", { reserved: 4 }),
    code: 1002,
  },
  { what: "a reserved opcode", bytes: frame(0x3, "x"), code: 1002 },
  {
    what: "a continuation of nothing",
    bytes: frame(OPCODE.continuation, "x"),
    code: 1002,
  },
  {
    what: "a message in the middle of another",
    bytes: Buffer.concat([
      frame(OPCODE.text, "x", { isFinal: false }),
      frame(OPCODE.text, "y"),
    ]),
    code: 1002,
  },
  {
    what: "a ping in fragments",
    bytes: frame(OPCODE.ping, "x", { isFinal: false }),
    code: 1002,
  },
  {
    what: "a ping of 126 bytes",
    bytes: frame(OPCODE.ping, "x".repeat(126)),
    code: 1002,
  },
  {
    what: "a close frame of one byte",
    bytes: frame(OPCODE.close, "x"),
    code: 1002,
  },
  {
    what: "a close code that nobody may send",
    bytes: closeFrame(1005),
    code: 1002,
  },
  {
    what: "text that is not UTF-8",
    bytes: frame(OPCODE.text, Buffer.from([0xc3, 0x28])),
    code: 1007,
  },
  {
    what: "text that is not UTF-8 as a whole, in fragments",
    bytes: Buffer.concat([
      frame(OPCODE.text, Buffer.from([0xc3]), { isFinal: false }),
      frame(OPCODE.continuation, Buffer.from([0x28])),
    ]),
    code: 1007,
  },
  {
    what: "a message that is too large",
    bytes: frame(OPCODE.binary, Buffer.alloc(5_000)),
    code: 1009,
  },
  {
    what: "a message that claims to be too large, before it has come",
    bytes: frame(OPCODE.binary, "", { claimedLength: 1_000_000 }),
    code: 1009,
  },
  {
    what: "a message that is too large in fragments",
    bytes: Buffer.concat([
      frame(OPCODE.binary, Buffer.alloc(3_000), { isFinal: false }),
      frame(OPCODE.continuation, Buffer.alloc(3_000)),
    ]),
    code: 1009,
  },
];

describe("bad frames", () => {
  const shared = shareServer({ maxPayloadBytes: 4_096 });

  it.each(broken)(
    "answers $what with $code, and nothing else",
    async ({ bytes, code }) => {
      const server = shared();
      const before = server.stats().ledger.outcomes;
      const bystander = await RawClient.open(server.port);
      const client = await RawClient.open(server.port);
      client.write(bytes);
      await within("the server's FIN", client.peerEnded);
      await within("the end of TCP", client.ended);
      expect(framesOf(client)).toBe(closeBytes(code));
      await until("it is counted", () => {
        const { unacknowledged, clean } = server.stats().ledger.outcomes;
        return (
          unacknowledged + clean === before.unacknowledged + before.clean + 1
        );
      });
      expect(server.stats().ledger.outcomes.lost).toBe(before.lost);
      bystander.send("undisturbed");
      expect(await bystander.message()).toBe("undisturbed");
      bystander.sendClose();
      await within("its end", bystander.ended);
      await until("it has gone", () => server.stats().connections === 0);
    },
  );

  it("answers what came before a broken frame in the same segment", async () => {
    const client = await RawClient.open(shared().port);
    client.write(Buffer.concat([frame(OPCODE.text, "fine"), frame(0x3, "x")]));
    expect(await client.message()).toBe("fine");
    expect(await client.closeFrame()).toMatchObject({ code: 1002 });
  });
});

describe("frames", () => {
  const shared = shareServer();

  it("answers a ping with its own data, also between fragments", async () => {
    const client = await RawClient.open(shared().port);
    client.write(frame(OPCODE.text, "two ", { isFinal: false }));
    client.write(frame(OPCODE.ping, "now"));
    client.write(frame(OPCODE.continuation, "parts"));
    expect(await client.next()).toMatchObject({
      opcode: OPCODE.pong,
      isMasked: false,
      payload: Buffer.from("now"),
    });
    expect(await client.message()).toBe("two parts");
  });

  it.each([0, 1, 125, 126, 65_535, 65_536, 1_000_000])(
    "echoes %d bytes as they were",
    async (length) => {
      const client = await RawClient.open(shared().port);
      const payload = Buffer.alloc(length, "echo ☕");
      client.send(payload);
      const next = await client.next();
      expect(next?.opcode).toBe(OPCODE.binary);
      expect(next?.payload.equals(payload)).toBe(true);
    },
  );

  it("takes a frame that comes byte by byte", async () => {
    const client = await RawClient.open(shared().port);
    for (const byte of frame(OPCODE.text, "slowly but surely")) {
      client.write(Buffer.from([byte]));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await client.message()).toBe("slowly but surely");
  });

  it("takes frames that come with the request", async () => {
    const client = await RawClient.connect(shared().port);
    const upgraded = client.upgrade("/slow-open?ms=20");
    client.write(
      Buffer.concat([frame(OPCODE.text, "a"), frame(OPCODE.text, "b")]),
    );
    await upgraded;
    expect([
      await client.message(),
      await client.message(),
      await client.message(),
    ]).toEqual(["opened", "a", "b"]);
  });

  it.each([
    ["a code and a reason", closeFrame(4000, "bye"), closeBytes(4000, "bye")],
    ["a code", closeFrame(1000), closeBytes(1000)],
    ["nothing", frame(OPCODE.close), "8800"],
  ])("answers a close frame with %s in kind", async (_, bytes, answer) => {
    const client = await RawClient.open(shared().port);
    client.write(bytes);
    await within("the end of TCP", client.ended);
    expect(framesOf(client)).toBe(answer);
  });

  it("takes no message behind a close frame", async () => {
    const client = await RawClient.open(shared().port);
    client.write(Buffer.concat([closeFrame(1000), frame(OPCODE.text, "late")]));
    await within("the end of TCP", client.ended);
    expect(framesOf(client)).toBe(closeBytes(1000));
  });

  it("keeps the order of what one tick sends, small and large, whole", async () => {
    const client = await RawClient.open(
      shared().port,
      "/push?count=2000&bytes=100",
    );
    client.send("go");
    for (let i = 0; i < 2_000; i++)
      expect(await client.message()).toBe(`${i}:`.padEnd(100, "x"));
    expect(await client.message()).toBe("sent");
    const large = await RawClient.open(
      shared().port,
      "/push?count=12&bytes=60000",
    );
    large.send("go");
    for (let i = 0; i < 12; i++)
      expect(await large.message()).toBe(`${i}:`.padEnd(60_000, "x"));
  });

  it("answers many messages of one segment in order", async () => {
    const client = await RawClient.open(shared().port);
    const texts = Array.from({ length: 500 }, (_, i) => `message ${i}`);
    client.write(Buffer.concat(texts.map((text) => frame(OPCODE.text, text))));
    for (const text of texts) expect(await client.message()).toBe(text);
  });

  it("closes with a code and a reason of its own, behind what it said before", async () => {
    const client = await RawClient.open(
      shared().port,
      "/close?code=4321&reason=enough",
    );
    client.send("?");
    expect(await client.message()).toBe("bye");
    expect(await client.closed()).toEqual({ code: 4321, reason: "enough" });
  });

  it("is told when a peer just ends TCP", async () => {
    const server = shared();
    const lost = server.stats().ledger.outcomes.lost;
    const news = listenToNews();
    const one = await RawClient.open(server.port, `/echo?${news.query}`);
    one.reset();
    const two = await RawClient.open(server.port, `/echo?${news.query}`);
    two.socket.end();
    expect(await news.of("closed", 2)).toMatchObject({
      outcome: "lost",
      code: 1006,
    });
    await until(
      "both are counted",
      () => server.stats().ledger.outcomes.lost === lost + 2,
    );
  });
});

describe("limits of one connection", () => {
  it("closes with 1008 who sends more messages than allowed", async () => {
    const server = await startServer({ maxMessagesPerSecond: 5 });
    const client = await RawClient.open(server.port);
    for (let i = 0; i < 20; i++) client.send("again");
    for (let i = 0; i < 5; i++) expect(await client.message()).toBe("again");
    expect(await client.closed()).toEqual({
      code: 1008,
      reason: "rate limit exceeded",
    });
    await until("clean", () => server.stats().ledger.outcomes.clean === 1);
  });

  it("takes and returns the largest message where the buffer just holds it", async () => {
    const maxPayloadBytes = 4 * 2 ** 20;
    const server = await startServer({
      maxPayloadBytes,
      maxBufferedBytes: maxPayloadBytes + 10,
      maxPublishBacklogBytes: "8MiB",
    });
    const client = await RawClient.open(server.port);
    client.send(Buffer.alloc(maxPayloadBytes));
    expect((await client.next())?.payload).toHaveLength(maxPayloadBytes);
    client.sendClose();
    expect(await client.closeFrame()).toMatchObject({ code: 1000 });
  });

  it("closes with 1008 who sends more bytes than allowed", async () => {
    const server = await startServer({
      maxPayloadBytes: 10_000,
      maxBytesPerSecond: 10_000,
    });
    const client = await RawClient.open(server.port);
    client.send(Buffer.alloc(9_000));
    expect((await client.next())?.payload).toHaveLength(9_000);
    client.send(Buffer.alloc(9_000));
    expect(await client.closed()).toMatchObject({ code: 1008 });
  });
});

describe("handlers", () => {
  const failures = overhear(channels.handlerError, "suite");
  const shared = shareServer();

  it.each([
    ["/throw", "message"],
    ["/reject", "message"],
    ["/throw-opened", "opened"],
    ["/reject-opened", "opened"],
  ])("that fail (%s) close with 1011, and are told of", async (path, hook) => {
    failures.clear();
    const server = shared();
    const client = await RawClient.open(server.port, path);
    client.send("?");
    expect(await client.closed()).toEqual({ code: 1011, reason: "" });
    const { error, shard } = await failures.said({ hook });
    expect(shard).toBe(0);
    expect(error).toMatchObject({
      message: `${hook} failed on purpose`,
      stack: expect.stringContaining("service.ts"),
    });
  });

  it("that fail when it is over are told of, and change nothing", async () => {
    failures.clear();
    const client = await RawClient.open(shared().port, "/throw-closed");
    client.sendClose(1000);
    expect(await client.closeFrame()).toMatchObject({ code: 1000 });
    await within("the end of TCP", client.ended);
    const { error } = await failures.said({ hook: "closed" });
    expect(error).toMatchObject({ message: "closed failed on purpose" });
  });

  it("get no message before opened has resolved", async () => {
    const client = await RawClient.open(shared().port, "/slow-open?ms=100");
    client.send("first");
    expect(await client.message()).toBe("opened");
    expect(await client.message()).toBe("first");
  });

  it("learn what authorize gave along, and what was asked for", async () => {
    const client = await RawClient.open(shared().port, "/facts?a=1", {
      "X-User": "ann",
      "Sec-WebSocket-Protocol": "chat, superchat",
    });
    client.send("?");
    expect(JSON.parse(await client.message())).toMatchObject({
      data: { user: "ann" },
      subprotocol: "",
      state: "open.healthy",
      isAborted: false,
      bufferedBytes: 0,
      request: {
        url: "/facts?a=1",
        path: "/facts",
        remoteAddress: "127.0.0.1",
        subprotocols: ["chat", "superchat"],
        headers: { "x-user": "ann", host: "sluice.test" },
      },
    });
  });

  it("choose the subprotocol", async () => {
    const client = await RawClient.connect(shared().port);
    const { headers } = await client.upgrade("/subprotocol?choose=superchat", {
      "Sec-WebSocket-Protocol": "chat, superchat",
    });
    expect(headers["sec-websocket-protocol"]).toBe("superchat");
  });

  it("that take long to authorize do so while others connect", async () => {
    const slow = await RawClient.connect(shared().port);
    const upgraded = slow.upgrade("/authorize-slow?ms=150");
    const quick = await RawClient.open(shared().port);
    quick.send("quick");
    expect(await quick.message()).toBe("quick");
    expect((await upgraded).status).toBe(101);
  });

  it("that authorize too late are told so by their signal, and not believed", async () => {
    const server = await startServer({ handshakeDeadlineMs: 200 });
    const news = listenToNews();
    const client = await RawClient.connect(server.port);
    const { status } = await client.upgrade(`/authorize-never?${news.query}`);
    expect(status).toBe(408);
    expect(await news.of("authorize", 2)).toMatchObject({ isAborted: true });
    await within("the end of TCP", client.ended);
    await until(
      "it is rejected",
      () => server.stats().ledger.outcomes.rejected === 1,
    );
    expect(server.stats().ledger.opened).toBe(0);
  });

  it("in flight are bounded: reading pauses, and nothing is lost or reordered", async () => {
    const server = await startServer({ maxHandlersInFlight: 3 });
    const news = listenToNews();
    const client = await RawClient.open(server.port, `/gated?${news.query}`);
    const gate = await RawClient.open(server.port, "/gate");
    const texts = Array.from({ length: 10 }, (_, i) => `message ${i}`);
    client.write(Buffer.concat(texts.map((text) => frame(OPCODE.text, text))));
    await news.of("message", 3);
    await until(
      "three are in flight",
      () => server.stats().shards[0]?.handlersInFlight === 3,
    );
    expect(news.all.filter(({ hook }) => hook === "message")).toHaveLength(3);
    for (let answered = 0; answered < 10; answered += 3) {
      gate.send("open");
      for (let i = answered; i < Math.min(10, answered + 3); i++)
        expect(await client.message()).toBe(texts[i]);
      await news.of("message", Math.min(10, answered + 6));
    }
    client.send("after");
    gate.send("open");
    await news.of("message", 11);
    gate.send("open");
    expect(await client.message()).toBe("after");
  });
});
