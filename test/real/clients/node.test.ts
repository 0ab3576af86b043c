import { once } from "node:events";
import { describe, expect, it } from "vitest";
import { WebSocket as WsClient } from "ws";
import { startServer } from "../../support/server.ts";
import { within } from "../../support/within.ts";
import { type ShutdownClose, RETRY_TIME } from "./shutdown-close.ts";

const TEXT = "grüße, κόσμε 👋";
const BYTES = Uint8Array.from({ length: 70_000 }, (_, i) => i % 251);

describe("Node's own WebSocket", () => {
  const open = async (port: number, path = "/echo"): Promise<WebSocket> => {
    const client = new WebSocket(`ws://127.0.0.1:${port}${path}`, ["chat"]);
    client.binaryType = "arraybuffer";
    await within("the client to open", once(client, "open"));
    return client;
  };
  const message = async (client: WebSocket): Promise<unknown> => {
    const [event] = await within("a message", once(client, "message"));
    return (event as MessageEvent).data;
  };
  const plan = async (client: WebSocket): Promise<ShutdownClose> => {
    const [event] = await within("the close", once(client, "close"));
    const { code, reason, wasClean } = event as CloseEvent;
    return { code, reason, wasClean };
  };

  it("connects with its subprotocol, echoes text and bytes, and closes", async () => {
    const server = await startServer({ subprotocols: "chat" });
    const client = await open(server.port);
    expect(client.protocol).toBe("chat");
    client.send(TEXT);
    expect(await message(client)).toBe(TEXT);
    client.send(BYTES);
    expect(new Uint8Array((await message(client)) as ArrayBuffer)).toEqual(
      BYTES,
    );
    client.close(4000, "done");
    expect(await plan(client)).toEqual({
      code: 4000,
      reason: "done",
      wasClean: true,
    });
    expect((await server.shutdown()).outcomes).toMatchObject({ clean: 1 });
  });

  it("is told the shutdown's code and its own time to come back", async () => {
    const server = await startServer({ subprotocols: "chat" });
    const client = await open(server.port);
    const told = plan(client);
    const { outcomes } = await server.shutdown();
    expect(await told).toEqual({
      code: 1001,
      reason: expect.stringMatching(RETRY_TIME),
      wasClean: true,
    });
    expect(outcomes).toMatchObject({ clean: 1 });
  });
});

describe("ws", () => {
  const open = async (
    port: number,
    perMessageDeflate = false,
  ): Promise<WsClient> => {
    const client = new WsClient(`ws://127.0.0.1:${port}/echo`, {
      perMessageDeflate,
    });
    await within("the client to open", once(client, "open"));
    return client;
  };
  const message = async (client: WsClient): Promise<Buffer> => {
    const [data] = await within("a message", once(client, "message"));
    return data as Buffer;
  };

  it.each([false, true])(
    "connects, echoes and closes, with compression %s",
    async (isCompressed) => {
      const server = await startServer({ compression: isCompressed });
      const client = await open(server.port, isCompressed);
      expect(client.extensions).toBe(isCompressed ? "permessage-deflate" : "");
      client.send(TEXT);
      expect(String(await message(client))).toBe(TEXT);
      client.send(BYTES);
      expect(await message(client)).toEqual(Buffer.from(BYTES));
      client.ping("alive?");
      const [pong] = await within("a pong", once(client, "pong"));
      expect(String(pong)).toBe("alive?");
      client.close(1000);
      const [code] = await within("the close", once(client, "close"));
      expect(code).toBe(1000);
      expect((await server.shutdown()).outcomes).toMatchObject({ clean: 1 });
    },
  );

  it("is told the shutdown's code and its own time to come back", async () => {
    const server = await startServer({ closeCode: 1012 });
    const client = await open(server.port);
    const closed = within("the close", once(client, "close"));
    const { outcomes } = await server.shutdown();
    const [code, reason] = await closed;
    expect(code).toBe(1012);
    expect(String(reason)).toMatch(RETRY_TIME);
    expect(outcomes).toMatchObject({ clean: 1 });
  });
});
