import { describe, expect, it } from "vitest";
import { opcodes, serverFrame } from "../../../../bench/load/frames.ts";
import type { Target } from "../../../../bench/load/plan.ts";
import { buildScripts, payloadOf } from "../../../../bench/load/script.ts";
import { masked, wires } from "../../../../bench/load/wires.ts";

const target: Target = {
  port: 1,
  path: "/echo",
  wire: "websocket",
  tls: false,
};
const accepted =
  "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n" +
  "Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

function collect(): { written: Buffer[]; write: (bytes: Buffer) => void } {
  const written: Buffer[] = [];
  return { written, write: (bytes) => written.push(bytes) };
}

describe("the websocket wire", () => {
  it("asks for an upgrade of its path", () => {
    const hello = wires.websocket.hello(target)?.toString();
    expect(hello).toMatch(/^GET \/echo HTTP\/1\.1\r\nHost: 127\.0\.0\.1:1\r\n/);
    expect(hello).toMatch(/\r\n\r\n$/);
  });

  it("is open after 101, cut anywhere, and keeps what follows", () => {
    const bytes = Buffer.from(`${accepted}rest`);
    for (let cut = 1; cut < accepted.length; cut++) {
      const greeting = wires.websocket.greeting();
      const { write } = collect();
      expect(greeting.feed(bytes.subarray(0, cut), write)).toBeUndefined();
      expect(greeting.feed(bytes.subarray(cut), write)?.toString()).toBe(
        "rest",
      );
    }
  });

  it("says how the server refused", () => {
    const greeting = wires.websocket.greeting();
    const refusal = Buffer.from("HTTP/1.1 503 Service Unavailable\r\n\r\n");
    expect(() => greeting.feed(refusal, collect().write)).toThrow(
      /503 Service Unavailable/,
    );
  });

  it("does not take an upgrade with somebody else's accept key", () => {
    const greeting = wires.websocket.greeting();
    const wrong = Buffer.from(accepted.replace("s3pPLM", "AAAAAA"));
    expect(() => greeting.feed(wrong, collect().write)).toThrow(/refused/);
  });
});

describe("the Socket.IO wire", () => {
  it("answers the open packet and is open once it is connected", () => {
    const greeting = wires["socket.io"].greeting();
    const { written, write } = collect();
    const open = serverFrame(opcodes.text, Buffer.from('0{"sid":"a"}'));
    expect(
      greeting.feed(Buffer.concat([Buffer.from(accepted), open]), write),
    ).toBeUndefined();
    expect(written).toEqual([masked(opcodes.text, "40")]);
    const connected = serverFrame(opcodes.text, Buffer.from('40{"sid":"b"}'));
    expect(greeting.feed(connected.subarray(0, 3), write)).toBeUndefined();
    expect(greeting.feed(connected.subarray(3), write)?.length).toBe(0);
  });

  it("sends an event with a text as long as the payload", () => {
    const reply = wires["socket.io"].reply(payloadOf(64, 0));
    expect(reply.subarray(2).toString()).toMatch(/^42\["m","[\w-]{64}"\]$/);
  });
});

describe("scripts", () => {
  it("join any number of messages up to the most in flight", () => {
    const [script] = buildScripts(wires.raw, 8, 3);
    expect(script?.batches.map((batch) => batch.length)).toEqual([
      0, 8, 16, 24,
    ]);
    expect(script?.replyBytes).toBe(8);
  });

  it("differ between neighbouring connections", () => {
    const replies = buildScripts(wires.websocket, 64, 1).map((script) =>
      script.replies.toString("hex"),
    );
    expect(new Set(replies).size).toBe(replies.length);
  });
});
