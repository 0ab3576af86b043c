import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { describe, expect, it, onTestFinished } from "vitest";
import { WebSocket } from "ws";
import type { ConnectionDetails } from "../../../src/admin/api.ts";
import type { ServerOptions } from "../../../src/index.ts";
import { type Command, serveCommand } from "../../support/command.ts";
import { startServer, type TestServer } from "../../support/server.ts";
import { until, within } from "../../support/within.ts";
import { callAdmin } from "../admin/call-admin.ts";

const MOVABLE = fileURLToPath(new URL("../admin/movable.ts", import.meta.url));

const options: ServerOptions = {
  workers: 2,
  handlers: MOVABLE,
  compression: true,
  balance: "round-robin",
  trialMs: 10,
};

const BOTH_ANEW = {
  serverNoContextTakeover: true,
  clientNoContextTakeover: true,
};

/** A client that says numbers, each in a message long enough to be compressed both ways, and holds the echoes against them. */
class Compressing {
  readonly socket: WebSocket;
  said = 0;
  heard = 0;
  wrong = 0;
  #isSilent = false;

  private constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on("message", (data: Buffer) => {
      if (data.toString() !== textOf(this.heard++)) this.wrong++;
      this.#say();
    });
  }

  static async open(port: number, deflate: object = {}): Promise<Compressing> {
    const socket = new WebSocket(`ws://127.0.0.1:${port}`, {
      perMessageDeflate: { threshold: 0, ...deflate },
    });
    onTestFinished(() => socket.terminate());
    await within("the upgrade", once(socket, "open"));
    expect(socket.extensions).toContain("permessage-deflate");
    const client = new Compressing(socket);
    for (let inFlight = 0; inFlight < 4; inFlight++) client.#say();
    return client;
  }

  static async openMany(port: number, count: number): Promise<Compressing[]> {
    return await Promise.all(
      Array.from({ length: count }, () => Compressing.open(port)),
    );
  }

  /** Everything that it has said has come back, in order, and it is still there. */
  async isContent(): Promise<boolean> {
    // It has said something since whatever has happened.
    const goal = this.said + 4;
    await until("it has gone on", () => this.heard >= goal);
    this.#isSilent = true;
    await until("all is back", () => this.heard === this.said);
    return this.wrong === 0 && this.socket.readyState === WebSocket.OPEN;
  }

  #say(): void {
    if (!this.#isSilent) this.socket.send(textOf(this.said++));
  }
}

/** Every ninth is so large that other threads compress it. */
function textOf(number: number): string {
  return `${number} and so on, `.repeat(number % 9 === 8 ? 4_000 : 100);
}

/** How many are not content, or are gone. */
async function discontent(clients: readonly Compressing[]): Promise<number> {
  const all = await Promise.all(clients.map((client) => client.isContent()));
  return all.filter((isContent) => !isContent).length;
}

describe("connections whose messages are compressed each by itself", () => {
  it("move between threads, with messages under way, and are compressed there", async () => {
    const server = await startServer({ ...options, admin: true, adminPort: 0 });
    const clients = await Compressing.openMany(server.port, 20);
    expect(server.stats().handover.movability).toMatchObject({
      movable: 20,
      compression: 0,
    });
    const look = async (): Promise<ConnectionDetails> =>
      (await callAdmin(server, "/api/connections/c1")).json();
    expect(await look()).toMatchObject({ isCompressed: true, shard: 0 });
    for (const shard of [0, 1])
      expect(await server.drain({ shard, move: true }).done).toMatchObject({
        moved: shard === 0 ? 10 : 20,
        notified: 0,
        refused: {},
      });
    expect(await look()).toMatchObject({ isCompressed: true, shard: 0 });
    expect(await discontent(clients)).toBe(0);
    expect((await server.shutdown()).balanced).toBe(true);
  });

  it("move where the server keeps windows and they do not want that, beside those that stay", async () => {
    const server = await startServer({ ...options, contextTakeover: true });
    const kept = await Compressing.open(server.port);
    await Compressing.open(server.port, BOTH_ANEW);
    const anew = await Compressing.open(server.port, BOTH_ANEW);
    expect(server.stats().handover.movability).toMatchObject({
      movable: 2,
      compression: 1,
    });
    const gone = once(kept.socket, "close");
    expect(await server.drain({ shard: 0, move: true }).done).toMatchObject({
      moved: 1,
      refused: { compression: 1 },
    });
    expect((await within("its goodbye", gone))[0]).toBe(1012);
    expect(await discontent([anew])).toBe(0);
  });

  it("move into what a reload starts, as often as there is one", async () => {
    const server = await startServer({ ...options, workers: 1 });
    const clients = await Compressing.openMany(server.port, 10);
    for (let time = 0; time < 2; time++)
      expect(await server.reload()).toMatchObject({ moved: 10, notified: 0 });
    expect(await discontent(clients)).toBe(0);
  });

  it("move into the process that an upgrade starts", async () => {
    const command = await serveCommand([
      ...["--handlers", MOVABLE, "--workers", "1", "--origins", "any"],
      ...["--compression", "--no-admin"],
    ]);
    const clients = await Compressing.openMany(command.port, 10);
    const pid = await upgraded(command, 10);
    try {
      expect(await discontent(clients)).toBe(0);
    } finally {
      process.kill(pid, "SIGKILL");
    }
  });

  it("do not move while a message of theirs is being inflated, and its answer is not lost", async () => {
    const server = await startServer({
      ...options,
      maxPayloadBytes: 4_000_000,
    });
    const { socket } = await quiet(server);
    const large = Array.from({ length: 300_000 }, (_, i) => i * 7).join();
    const answers: string[] = [];
    socket.on("message", (data: Buffer) => answers.push(data.toString()));
    socket.send(large.slice(0, 2_000_000));
    socket.send("behind it");
    const { bytesIn = 0 } = server.stats().shards[0] ?? {};
    await until(
      "all is read",
      () => (server.stats().shards[0]?.bytesIn ?? 0) > bytesIn + 200_000,
    );
    const report = await server.drain({ shard: 0, move: true }).done;
    expect(report).toMatchObject({ moved: 1, refused: {} });
    await until("both answers", () => answers.length === 2);
    expect(answers).toEqual([large.slice(0, 2_000_000), "behind it"]);
  });
});

/** One that has said nothing. */
async function quiet(server: TestServer): Promise<{ socket: WebSocket }> {
  const socket = new WebSocket(`ws://127.0.0.1:${server.port}`);
  onTestFinished(() => socket.terminate());
  await within("the upgrade", once(socket, "open"));
  return { socket };
}

/** @returns the pid of the new process */
async function upgraded(command: Command, moved: number): Promise<number> {
  const done = command.logged(
    /"event":"(?:upgraded|rolled-back)"[^\n]*/,
    45_000,
  );
  command.kill("SIGUSR2");
  const [said] = await done;
  expect(said).toContain(`"moved":${moved}`);
  return Number(/"pid":(\d+)/.exec(said)?.[1]);
}
