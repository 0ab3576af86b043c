import { describe, expect, it } from "vitest";
import {
  closeFrame,
  frame,
  OPCODE,
  readClose,
} from "../../../src/testing/frame-codec.ts";
import { RawClient } from "../../support/raw-client.ts";
import { startServer } from "../../support/server.ts";
import { within } from "../../support/within.ts";

const CLOSE_PATH = "/close?code=4001&reason=enough";

/** A client that has been told to go, and has not answered. */
async function toldToGo(port: number): Promise<RawClient> {
  const client = await RawClient.open(port, CLOSE_PATH, undefined, {
    allowHalfOpen: true,
  });
  client.send("go");
  expect(await client.message()).toBe("bye");
  const close = await client.next();
  expect(close?.opcode).toBe(OPCODE.close);
  expect(close && readClose(close)).toEqual({ code: 4001, reason: "enough" });
  return client;
}

describe("RFC 6455, 7: the server closes", () => {
  it("7.1.1: ends TCP once the client has answered", async () => {
    const server = await startServer();
    const client = await toldToGo(server.port);
    client.sendClose(4001);
    expect(await client.next()).toBeUndefined();
    client.socket.end();
    expect(await within("the end of TCP", client.ended)).toEqual({
      errorCode: undefined,
    });
    const { outcomes, closeCodes } = await server.shutdown();
    expect(outcomes).toMatchObject({ clean: 1 });
    expect(closeCodes).toEqual({ 4001: 1 });
  });

  it.each([1000, 1001, 3000, 4999])(
    "7.1.5: takes the answer %i, whatever its own code was",
    async (code) => {
      const server = await startServer();
      const client = await toldToGo(server.port);
      client.sendClose(code, "some other reason");
      expect(await client.next()).toBeUndefined();
      client.socket.end();
      const { outcomes, closeCodes } = await server.shutdown();
      expect(outcomes).toMatchObject({ clean: 1 });
      expect(closeCodes).toEqual({ 4001: 1 });
    },
  );

  it("5.5.1: takes an answer without a code", async () => {
    const server = await startServer();
    const client = await toldToGo(server.port);
    client.write(frame(OPCODE.close));
    expect(await client.next()).toBeUndefined();
    client.socket.end();
    expect((await server.shutdown()).outcomes).toMatchObject({ clean: 1 });
  });

  it("5.5.1: reads on for the answer, through messages, fragments and pings, and says nothing", async () => {
    const server = await startServer();
    const client = await toldToGo(server.port);
    client.send("late");
    client.write(frame(OPCODE.text, "frag", { isFinal: false }));
    client.write(frame(OPCODE.ping, "late"));
    client.write(frame(OPCODE.continuation, "ments"));
    client.send(Buffer.alloc(200_000));
    client.sendClose(4001);
    expect(await client.next()).toBeUndefined();
    client.socket.end();
    expect((await server.shutdown()).outcomes).toMatchObject({ clean: 1 });
  });

  it("7.1.7: ends TCP when the answer breaks the protocol", async () => {
    const server = await startServer();
    const client = await toldToGo(server.port);
    client.write(frame(0x3, "no answer"));
    expect(await client.next()).toBeUndefined();
    client.socket.end();
    expect((await server.shutdown()).outcomes).toMatchObject({
      unacknowledged: 1,
    });
  });

  it("7.1.2: both close at the same moment, and each takes the other's frame for the answer", async () => {
    const server = await startServer();
    const client = await RawClient.open(server.port, CLOSE_PATH, undefined, {
      allowHalfOpen: true,
    });
    // In one write: the handler closes, and the peer's close is behind it.
    client.write(
      Buffer.concat([frame(OPCODE.text, "go"), closeFrame(4002, "me too")]),
    );
    expect(await client.message()).toBe("bye");
    expect(await client.closeFrame()).toEqual({ code: 4001, reason: "enough" });
    expect(await client.next()).toBeUndefined();
    client.socket.end();
    expect((await server.shutdown()).outcomes).toMatchObject({ clean: 1 });
  });

  it("7.4: the reason of the close fits into 123 bytes, in UTF-8", async () => {
    const server = await startServer();
    const reason = "ß".repeat(61);
    const client = await RawClient.open(
      server.port,
      `/close?code=1000&reason=${encodeURIComponent(reason)}`,
    );
    client.send("go");
    expect(await client.closed()).toEqual({ code: 1000, reason });
  });
});
