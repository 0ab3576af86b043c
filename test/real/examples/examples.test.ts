import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";

import { beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { WebSocket } from "ws";

import { ensureBuilt, root } from "../../support/built.ts";
import { serveCommand } from "../../support/command.ts";
import { runProgram } from "../../support/program.ts";

beforeAll(ensureBuilt);

function example(name: string): string {
  return join(root, "examples", name);
}

/** A client that has connected, and what it hears. */
async function connect(
  url: string,
  headers: Readonly<Record<string, string>> = {},
) {
  const socket = new WebSocket(url, { headers });
  onTestFinished(() => socket.terminate());
  const heard: string[] = [];
  socket.on("message", (data: Buffer) => heard.push(data.toString()));
  const closed = once(socket, "close").then(([code, reason]) => ({
    code: Number(code),
    reason: String(reason),
  }));
  // From the first: a message may come in the same packet as the answer.
  const first = once(socket, "message");
  await once(socket, "open");
  const next = async (): Promise<string> => {
    if (heard.length === 0) await once(socket, "message");
    return heard.shift() ?? "";
  };
  return { socket, closed, next, first, heard };
}

describe("the examples", () => {
  it("echo: sends back what comes, and says when to come back", async () => {
    const command = await serveCommand([
      "--handlers",
      example("echo/handlers.ts"),
    ]);
    const { socket, next, closed } = await connect(
      `ws://127.0.0.1:${command.port}/`,
    );
    socket.send("hello");
    expect(await next()).toBe("hello");
    command.kill("SIGTERM");
    expect(await closed).toEqual({
      code: 1001,
      reason: expect.stringMatching(/^retry-after-ms=\d+$/),
    });
    expect((await command.ended).status).toBe(0);
  });

  it("room: relays to the others, and tells who is gone", async () => {
    const command = await serveCommand([
      ...["--handlers", example("room/handlers.ts")],
      ...["--workers", "2", "--balance", "round-robin"],
    ]);
    const url = `ws://127.0.0.1:${command.port}/`;
    const ann = await connect(`${url}?name=ann`);
    const bob = await connect(`${url}?name=bob`);
    bob.socket.send("hello");
    expect(await ann.next()).toBe("bob: hello");
    expect(await bob.next()).toBe("bob: hello");
    bob.socket.terminate();
    expect(await ann.next()).toBe("bob is gone (lost)");
    command.kill("SIGTERM");
    expect(await ann.next()).toMatch(/^The server restarts/);
    expect(await ann.closed).toMatchObject({ code: 1001 });
  });

  it("accounts: lets in who is known, and answers before it closes", async () => {
    const command = await serveCommand([
      "--handlers",
      example("accounts/handlers.ts"),
    ]);
    const url = `ws://127.0.0.1:${command.port}/`;
    const stranger = new WebSocket(`${url}?token=guessed`);
    const [, refusal] = await once(stranger, "unexpected-response");
    expect(refusal).toMatchObject({
      statusCode: 401,
      headers: { "www-authenticate": "Bearer" },
    });

    const ann = await connect(url, { Authorization: "Bearer ann-s-token" });
    ann.socket.send(JSON.stringify({ id: 1, amount: 5 }));
    expect(JSON.parse(await ann.next())).toEqual({
      id: 1,
      user: "ann",
      balance: 125,
    });

    const bob = await connect(`${url}?token=bob-s-token`);
    bob.socket.send("nonsense");
    expect(await bob.closed).toMatchObject({ code: 1007 });

    ann.socket.send(JSON.stringify({ id: 2, amount: -25 }));
    // The ping is answered in order: the request is in the handlers' hands.
    ann.socket.ping();
    await once(ann.socket, "pong");
    command.kill("SIGTERM");
    expect(await ann.closed).toMatchObject({ code: 1001 });
    expect(ann.heard.map((text) => JSON.parse(text) as unknown)).toEqual([
      { goodbye: true, transfers: 1 },
      { id: 2, user: "ann", balance: 100 },
    ]);
    expect((await command.ended).report).toMatchObject({
      opened: 2,
      outcomes: { rejected: 1, clean: 2 },
    });
  });

  it("embedded: has its own signals, and ends its own things last", async () => {
    const { child, printed, ended } = runProgram(
      [example("embedded/main.ts")],
      { PORT: "0", STATUS_PORT: String(await freePort()) },
    );
    const [url] = await printed(/ws:\S+/);
    const client = await connect(url);
    expect(String((await client.first)[0])).toMatch(/^\d{4}-\d\d-\d\dT/);
    child.kill("SIGUSR2");
    await printed(/0 connections were asked to come back/);
    child.kill("SIGTERM");
    expect(await client.closed).toMatchObject({ code: 1001 });
    expect(JSON.parse((await printed(/\{.*\}/))[0])).toMatchObject({
      clean: 1,
      forced: 0,
    });
    expect(await ended).toBe(0);
  });

  it("client: comes back when it was told to", async () => {
    const echo = ["--handlers", example("echo/handlers.ts")];
    const first = await serveCommand(echo);
    const { child, printed } = runProgram([
      example("client/main.ts"),
      `ws://127.0.0.1:${first.port}/`,
    ]);
    await printed(/connected/);
    child.stdin?.write("hello\n");
    await printed(/hello/);
    first.kill("SIGTERM");
    await printed(/closed with 1001; back in \d+ ms/);
    await first.ended;
    await serveCommand([...echo, "--port", String(first.port)]);
    await printed(/connected[^]+connected/);
    child.stdin?.write("again\n");
    const [all] = await printed(/[^]*\nagain\n/);
    // The echo comes over the second connection.
    expect(all.match(/^connected/gm)).toHaveLength(2);
  });
});

/** A port that nobody has at this moment. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
