import { deflateRawSync, inflateRawSync, constants } from "node:zlib";
import { describe, expect, it } from "vitest";
import { frame, OPCODE, readClose } from "../../../src/testing/frame-codec.ts";
import { RawClient } from "../../support/raw-client.ts";
import { expectBalance, shareServer } from "../../support/shared-server.ts";
import { within } from "../../support/within.ts";
import { CLOSE, letters } from "./conformance-case.ts";

const RSV1 = 0b100;
const LONG = letters(20_000);
/** So long that other threads inflate and compress it. */
const LARGE = letters(150_000);
const MAX = 200_000;

/** RFC 7692, 7.2.1: deflated, without the empty block at its end. */
function deflate(text: string): Buffer {
  return deflateRawSync(text, {
    finishFlush: constants.Z_SYNC_FLUSH,
  }).subarray(0, -4);
}

/** RFC 7692, 7.2.2. */
function inflate(payload: Buffer): string {
  const tail = Buffer.from([0x00, 0x00, 0xff, 0xff]);
  return inflateRawSync(Buffer.concat([payload, tail]), {
    finishFlush: constants.Z_SYNC_FLUSH,
  }).toString();
}

describe("RFC 7692: permessage-deflate", () => {
  const shared = shareServer(
    { compression: true, maxPayloadBytes: MAX },
    expectBalance,
  );

  const open = async (): Promise<RawClient> => {
    const client = await RawClient.connect(shared.port);
    const response = await client.upgrade("/echo", {
      "Sec-WebSocket-Extensions":
        "permessage-deflate; client_no_context_takeover; server_no_context_takeover",
    });
    expect(response.headers["sec-websocket-extensions"]).toMatch(
      /^permessage-deflate/,
    );
    return client;
  };

  /** The code with which the server fails the connection, and ends TCP. */
  const failure = async (client: RawClient): Promise<number | undefined> => {
    const close = await client.next();
    const behind = await client.next();
    await within("the end of TCP", client.ended);
    return close && behind === undefined ? readClose(close).code : undefined;
  };

  it.each([LONG, LARGE])(
    "7.2.2: reads a compressed message, and answers with one",
    async (text) => {
      const client = await open();
      client.write(frame(OPCODE.text, deflate(text), { reserved: RSV1 }));
      const reply = await client.next();
      expect(reply?.reserved).toBe(RSV1);
      expect(reply && inflate(reply.payload)).toBe(text);
      client.sendClose(1000);
      expect((await client.closeFrame()).code).toBe(1000);
    },
  );

  it.each([LONG, LARGE])(
    "6.1: reads a compressed message cut into fragments, with a ping between",
    async (text) => {
      const client = await open();
      const payload = deflate(text);
      client.write(
        frame(OPCODE.text, payload.subarray(0, 10), {
          reserved: RSV1,
          isFinal: false,
        }),
      );
      client.write(frame(OPCODE.ping, "between"));
      client.write(frame(OPCODE.continuation, payload.subarray(10)));
      expect((await client.next())?.opcode).toBe(OPCODE.pong);
      const reply = await client.next();
      expect(reply && inflate(reply.payload)).toBe(text);
      client.sendClose(1000);
      expect((await client.closeFrame()).code).toBe(1000);
    },
  );

  it("6: takes messages that are not compressed, too", async () => {
    const client = await open();
    client.send("as it is");
    client.write(frame(OPCODE.text, deflate("deflated"), { reserved: RSV1 }));
    client.send("as it is again");
    expect(await client.message()).toBe("as it is");
    expect(await client.message()).toBe("deflated");
    expect(await client.message()).toBe("as it is again");
    client.sendClose(1000);
    expect((await client.closeFrame()).code).toBe(1000);
  });

  it("7.2.2: a close frame behind compressed messages waits for them", async () => {
    const client = await open();
    const texts = [LONG, LARGE, `${LONG}!`, "short", `${LARGE}!`];
    for (const text of texts)
      client.write(frame(OPCODE.text, deflate(text), { reserved: RSV1 }));
    client.sendClose(1000);
    for (const text of texts) {
      const reply = await client.next();
      const said = reply?.reserved === RSV1 ? inflate(reply.payload) : "short";
      expect(said).toBe(text);
    }
    expect((await client.closeFrame()).code).toBe(1000);
  });

  it.each([
    ["on a continuation", OPCODE.continuation],
    ["on a ping", OPCODE.ping],
    ["on a close frame", OPCODE.close],
  ])("6.1: the bit %s fails the connection", async (_name, opcode) => {
    const client = await open();
    if (opcode === OPCODE.continuation)
      client.write(frame(OPCODE.text, "a", { isFinal: false }));
    client.write(frame(opcode, "", { reserved: RSV1 }));
    expect(await failure(client)).toBe(CLOSE.protocolError);
  });

  it("7.2.3.4: reads a message that ends with a final block", async () => {
    const client = await open();
    const final = Buffer.concat([deflateRawSync("the end"), Buffer.of(0)]);
    client.write(frame(OPCODE.text, final, { reserved: RSV1 }));
    client.write(frame(OPCODE.text, deflate("goes on"), { reserved: RSV1 }));
    expect(await client.message()).toBe("the end");
    expect(await client.message()).toBe("goes on");
    client.sendClose(1000);
    expect((await client.closeFrame()).code).toBe(1000);
  });

  it("7.2.2: what cannot be inflated fails the connection", async () => {
    const client = await open();
    client.write(frame(OPCODE.text, letters(50), { reserved: RSV1 }));
    expect(await failure(client)).toBe(CLOSE.invalidData);
  });

  it("RFC 6455, 8.1: what inflates to broken UTF-8 fails the connection", async () => {
    const client = await open();
    const broken = deflateRawSync(Buffer.from([0xc0, 0xaf]), {
      finishFlush: constants.Z_SYNC_FLUSH,
    }).subarray(0, -4);
    client.write(frame(OPCODE.text, broken, { reserved: RSV1 }));
    expect(await failure(client)).toBe(CLOSE.invalidData);
  });

  it("8: a small frame that inflates beyond the limit is too big", async () => {
    const client = await open();
    const bomb = deflate("0".repeat(20 * MAX));
    expect(bomb.length).toBeLessThan(MAX);
    client.write(frame(OPCODE.text, bomb, { reserved: RSV1 }));
    expect(await failure(client)).toBe(CLOSE.tooBig);
  });
});
