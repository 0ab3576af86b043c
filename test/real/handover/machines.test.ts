import { once } from "node:events";
import { describe, expect, it, onTestFinished } from "vitest";
import { WebSocket } from "ws";
import type { MachineStatus, Transition } from "../../../src/admin/api.ts";
import { serveCommand } from "../../support/command.ts";
import { startServer, type TestServer } from "../../support/server.ts";
import { until } from "../../support/within.ts";
import { type AdminEvent, callAdmin, openEvents } from "../admin/call-admin.ts";
import { Generations } from "./generations.ts";
import { machineDeployment as deployment } from "./machine-versions.ts";

async function connect(port: number): Promise<WebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/`);
  onTestFinished(() => socket.terminate());
  await once(socket, "open");
  return socket;
}

async function ask(socket: WebSocket, text: string): Promise<string> {
  socket.send(text);
  const [data] = (await once(socket, "message")) as [Buffer];
  return data.toString();
}

async function machineOf(server: TestServer): Promise<MachineStatus> {
  return (await callAdmin(server, "/api/machine")).json();
}

describe("a machine of the handlers'", () => {
  it("goes on in the threads of a reload, and tells to come back where it is not known", async () => {
    const { file, deploy } = await deployment();
    const server = await startServer({ handlers: file, trialMs: 50 });
    const socket = await connect(server.port);
    const first = await ask(socket, "count");
    await server.reload();
    const second = await ask(socket, "count");
    expect([first[0], second[0]]).toEqual(["1", "2"]);
    expect(second.slice(1)).not.toBe(first.slice(1));
    await deploy("renamed");
    const closed = once(socket, "close");
    await server.reload();
    const [code, reason] = (await closed) as [number, Buffer];
    expect(code).toBe(1012);
    expect(reason.toString()).toMatch(/^retry-after-ms=\d+$/);
    // Who comes back is served by the new one.
    expect((await ask(await connect(server.port), "count"))[0]).toBe("1");
  });

  it("is waited for by a shutdown while it is busy", async () => {
    const { file } = await deployment();
    const server = await startServer({ handlers: file });
    const socket = await connect(server.port);
    const gate = new BroadcastChannel("machine-gate");
    onTestFinished(() => gate.close());
    await ask(socket, "count");
    socket.send("work");
    await ask(socket, "count");
    const heard: string[] = [];
    socket.on("message", (data: Buffer) => heard.push(data.toString()));
    const closed = once(socket, "close");
    const ending = server.shutdown({ deadlineMs: 20_000 });
    await until("it is closing", () =>
      server.stats().shards.some(({ states }) => states["closing"] === 1),
    );
    gate.postMessage("done");
    expect((await closed)[0]).toBe(1001);
    expect(heard).toEqual(["worked"]);
    expect((await ending).outcomes.clean).toBe(1);
  });

  it("is drawn with who is where, and followed beside the connection's own", async () => {
    const { file, deploy } = await deployment();
    await deploy("<b>odd</b> ${state}");
    const server = await startServer({
      handlers: file,
      workers: 2,
      admin: true,
      adminPort: 0,
    });
    const sockets = [await connect(server.port), await connect(server.port)];
    const { chart = "", population, unanswered } = await machineOf(server);
    expect(unanswered).toEqual([]);
    expect(population).toEqual([["<b>odd</b> ${state}", 2]]);
    expect(chart).toContain("working");
    const events = await openEvents(server, "/api/connections/c1/events");
    await ask(sockets[0] as WebSocket, "count");
    sockets[0]?.send("work");
    const told: Transition[] = [];
    while (told.length < 2) {
      const { value } = await events.next();
      const { event, data } = value as AdminEvent;
      if (event === "actor") told.push(data as Transition);
    }
    expect(told).toMatchObject([
      { machine: "actor", event: "count", to: "<b>odd</b> ${state}" },
      { event: "work", from: "<b>odd</b> ${state}", to: "working" },
    ]);
    const { actorState } = (
      await callAdmin(server, "/api/connections/c1")
    ).json<{ actorState: string }>();
    expect(actorState).toBe("working");
    // It owes something, also when its client has gone.
    sockets[0]?.terminate();
    const gate = new BroadcastChannel("machine-gate");
    onTestFinished(() => gate.close());
    gate.postMessage("done");
    await until("nobody works", async () => {
      const counts = new Map((await machineOf(server)).population);
      return !counts.has("working");
    });
  });

  it("is none where handlers run none", async () => {
    const server = await startServer({ admin: true, adminPort: 0 });
    expect(await machineOf(server)).toEqual({
      population: [],
      unanswered: [],
    });
  });

  it("goes on in the process that takes over, and tells to come back where it is not known", async () => {
    const { file, deploy } = await deployment();
    const command = await serveCommand([
      ...["--handlers", file, "--workers", "1", "--origins", "any"],
    ]);
    const generations = new Generations(command, {
      file,
      deploy: () => Promise.resolve(),
    });
    const socket = await connect(command.port);
    const first = await ask(socket, "count");
    await generations.upgrade();
    const second = await ask(socket, "count");
    expect(first).toMatch(/^1 in /);
    expect(second).toMatch(new RegExp(`^2 in ${generations.pid}\\.`));
    await deploy("renamed");
    const closed = once(socket, "close");
    await generations.upgrade();
    expect((await closed)[0]).toBe(1012);
  });
});
