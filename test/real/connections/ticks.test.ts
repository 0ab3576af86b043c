import { once } from "node:events";
import { connect as connectTls } from "node:tls";
import { describe, expect, it, onTestFinished } from "vitest";
import { WebSocket } from "ws";
import { frame, OPCODE } from "../../../src/testing/frame-codec.ts";
import { createCertificates } from "../../support/certificates.ts";
import {
  ACCEPT,
  KEY,
  RawClient,
  upgradeRequest,
} from "../../support/raw-client.ts";
import {
  shareServer,
  startServer,
  type TestServer,
} from "../../support/server.ts";
import { within } from "../../support/within.ts";
import { deployment } from "../handover/versions.ts";

const ASKED = { "Sec-WebSocket-Protocol": "sluice.v1" };
/** Of the client's key, which all raw clients share. */
const TOKEN = ACCEPT.slice(0, 8);
const PROBE = `?${TOKEN}`;
const TICK = `~${TOKEN}`;
const greeting = (heartbeatMs: number): string => `^ ${heartbeatMs} ${TOKEN}`;

/** A client that has asked for the tick and was greeted. */
async function open(server: TestServer): Promise<RawClient> {
  const client = await RawClient.open(server.port, "/echo", ASKED);
  expect(await client.message()).toMatch(/^\^ \d+ .{8}$/);
  return client;
}

/** Its next answer that is no beat of the heart. */
async function answerTo(client: RawClient, text: string): Promise<string> {
  client.send(text);
  for (;;) {
    const next = await client.next();
    if (next?.opcode === OPCODE.text) return next.payload.toString();
    expect(next?.opcode).toBe(OPCODE.ping);
  }
}

const shared = shareServer({
  heartbeatIntervalMs: 100,
  subprotocols: ["v2.chat"],
});

describe("a client that asks for sluice.v1", () => {
  it("is greeted in the write of the 101, and shown each ping by a tick behind it", async () => {
    const client = await RawClient.connect(shared().port);
    client.write(upgradeRequest("/echo", ASKED));
    const [first] = (await within(
      "the answer",
      once(client.socket, "data"),
    )) as [Buffer];
    expect(first.toString("latin1")).toMatch(
      new RegExp(
        `^HTTP/1.1 101 [^]*\r\nSec-WebSocket-Protocol: sluice.v1\r\n\r\n\\x81.\\^ 100 `,
      ),
    );
    expect((await client.response()).status).toBe(101);
    expect(await client.message()).toBe(greeting(100));
    expect((await client.next())?.opcode).toBe(OPCODE.ping);
    expect(await client.message()).toBe(TICK);
    client.write(frame(OPCODE.pong));
    expect((await client.next())?.opcode).toBe(OPCODE.ping);
    expect(await client.message()).toBe(TICK);
  });

  it("is answered when it asks, and by nobody but the server", async () => {
    const server = await startServer({ heartbeatIntervalMs: 0 });
    const client = await open(server);
    expect(await answerTo(client, PROBE)).toBe(TICK);
    expect(await answerTo(client, PROBE)).toBe(TICK);
    expect(server.stats().shards[0]?.messagesIn).toBe(0);
    // Neither another's token nor bytes are a question to us.
    for (const text of ["?", "?3pPLMBis", `${PROBE} `, TICK])
      expect(await answerTo(client, text)).toBe(text);
    client.send(Buffer.from(PROBE));
    expect(await client.next()).toMatchObject({
      opcode: OPCODE.binary,
      payload: Buffer.from(PROBE),
    });
  });

  it("is not answered any more behind a close frame", async () => {
    const client = await open(shared());
    client.write(
      Buffer.concat([
        frame(OPCODE.close, Buffer.from([0x03, 0xe8])),
        frame(OPCODE.text, PROBE),
      ]),
    );
    expect((await client.next())?.opcode).toBe(OPCODE.close);
    expect(await client.next()).toBeUndefined();
  });

  it("keeps that where it is moved to, and in a new version", async () => {
    const versions = await deployment();
    await versions.deploy("v1");
    const server = await startServer({
      workers: 2,
      handlers: versions.file,
      heartbeatIntervalMs: 200,
      trialMs: 100,
    });
    const client = await open(server);
    const isWhole = async (): Promise<void> => {
      expect(await answerTo(client, PROBE)).toBe(TICK);
      client.write(frame(OPCODE.pong));
      while ((await client.next())?.opcode !== OPCODE.ping);
      expect(await client.message()).toBe(TICK);
    };
    await isWhole();
    for (const shard of [0, 1]) {
      await server.drain({ shard, move: true }).done;
      await isWhole();
    }
    await server.reload();
    await isWhole();
    expect(server.stats().ledger).toMatchObject({ live: 1, movedIn: 0 });
  });

  it("is told over TLS", async () => {
    const { serverCert, serverKey } = createCertificates();
    const server = await startServer({
      tlsCertFile: serverCert,
      tlsKeyFile: serverKey,
      heartbeatIntervalMs: 100,
    });
    const socket = connectTls({
      port: server.port,
      host: "127.0.0.1",
      rejectUnauthorized: false,
    });
    onTestFinished(() => void socket.destroy());
    const client = new RawClient(socket);
    expect((await client.upgrade("/echo", ASKED)).status).toBe(101);
    expect(await client.message()).toBe(greeting(100));
    expect((await client.next())?.opcode).toBe(OPCODE.ping);
    expect(await client.message()).toBe(TICK);
    expect(await answerTo(client, PROBE)).toBe(TICK);
  });

  it("is told between compressed messages, and asks in one", async () => {
    const server = await startServer({
      compression: true,
      heartbeatIntervalMs: 0,
    });
    const socket = new WebSocket(
      `ws://127.0.0.1:${server.port}/echo`,
      "sluice.v1",
      { perMessageDeflate: { threshold: 0 } },
    );
    onTestFinished(() => socket.terminate());
    const heard: string[] = [];
    const long = "again and ".repeat(1_000);
    await within(
      "all answers",
      new Promise<void>((resolve) => {
        socket.on("message", (data: Buffer) => {
          heard.push(data.toString());
          if (heard.length === 1) {
            const [, , token] = heard[0]?.split(" ") ?? [];
            socket.send(long);
            socket.send(`?${token}`);
            socket.send(long);
          }
          if (heard.length === 4) resolve();
        });
      }),
    );
    expect(socket.extensions).toContain("permessage-deflate");
    expect(heard.slice(1).toSorted()).toEqual([
      long,
      long,
      expect.stringMatching(/^~.{8}$/),
    ]);
  });
});

describe("a client that does not", () => {
  it("sees what it has always seen, byte for byte", async () => {
    const client = await RawClient.open(shared().port, "/echo", {
      "Sec-WebSocket-Protocol": "sluice.v2, sluice",
    });
    expect((await client.next())?.opcode).toBe(OPCODE.ping);
    client.send(PROBE);
    client.write(frame(OPCODE.pong));
    expect(await client.message()).toBe(PROBE);
    expect((await client.next())?.opcode).toBe(OPCODE.ping);
    expect(Buffer.concat(client.received).toString("latin1")).toBe(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${ACCEPT}\r\n\r\n\x89\x00\x81\x09${PROBE}\x89\x00`,
    );
    expect(KEY).not.toContain(TOKEN);
  });

  it("gets another subprotocol where that is the first that is spoken, or the one that is chosen", async () => {
    const chosen = async (path: string, offered: string) => {
      const client = await RawClient.connect(shared().port);
      const { headers } = await client.upgrade(path, {
        "Sec-WebSocket-Protocol": offered,
      });
      return headers["sec-websocket-protocol"];
    };
    expect(await chosen("/echo", "v2.chat, sluice.v1")).toBe("v2.chat");
    expect(await chosen("/echo", "sluice.v1, v2.chat")).toBe("sluice.v1");
    expect(await chosen("/subprotocol?choose=v9", "sluice.v1, v9")).toBe("v9");
  });
});
