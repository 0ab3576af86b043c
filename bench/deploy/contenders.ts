/** Servers, and how a new version of each is brought out. */
import { once } from "node:events";
import { createServer } from "node:net";
import { availableParallelism } from "node:os";
import type { Wire } from "../load/plan.ts";
import { node, socketIo } from "../subjects/rivals.ts";
import { startRival } from "../subjects/start-rival.ts";
import type { SubjectOptions } from "../subjects/subject.ts";
import { SluiceProcesses } from "./sluice.ts";

const WORKERS = 2;

const always = (): undefined => undefined;

/** A server that listens, and can be replaced by a new version of itself. */
export interface Deployable extends AsyncDisposable {
  readonly port: number;
  /** Resolves when only the new version is left, and serves. */
  deploy(): Promise<void>;
}

export interface Contender {
  readonly name: string;
  readonly title: string;
  readonly wire: Wire;
  readonly path: string;
  /** Says why it cannot run here, or undefined when it can. */
  unavailable(): string | undefined;
  start(): Promise<Deployable>;
}

const options: SubjectOptions = {
  mode: "echo",
  workers: WORKERS,
  cores: [...Array(availableParallelism()).keys()],
};

/** One process after the other on the same port, as a service manager restarts it. */
async function startRestarted(
  launch: (port: number) => Promise<{
    port: number;
    end(): Promise<unknown>;
    kill(): Promise<void>;
  }>,
): Promise<Deployable> {
  const port = await freePort();
  let running = await launch(port);
  return {
    port,
    deploy: async () => {
      await running.end();
      running = await launch(port);
    },
    [Symbol.asyncDispose]: () => running.kill(),
  };
}

async function launchSluice(port: number) {
  const server = await SluiceProcesses.start({ port, workers: WORKERS });
  return {
    port,
    end: () => server.shutdown(),
    kill: () => server[Symbol.asyncDispose](),
  };
}

async function launchSocketIo(port: number) {
  const server = await startRival(node, "socket-io.ts", { ...options, port });
  return { port, end: () => server.stop(), kill: () => server.stop() };
}

async function startRolling(
  more: Pick<SubjectOptions, "onSigterm">,
): Promise<Deployable> {
  const server = await startRival(node, "ws-rolling.ts", {
    ...options,
    ...more,
  });
  return {
    port: server.port,
    deploy: () => server.tell("roll", "rolled"),
    [Symbol.asyncDispose]: () => server.stop(),
  };
}

export const contenders: readonly Contender[] = [
  {
    name: "sluice",
    title: "Sluice, `upgrade`",
    wire: "websocket",
    path: "/",
    unavailable: always,
    start: async () => {
      const server = await SluiceProcesses.start({ port: 0, workers: WORKERS });
      return {
        port: server.port,
        deploy: () => server.upgrade(),
        [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
      };
    },
  },
  {
    name: "sluice-restart",
    title: "Sluice, shutdown and a new process",
    wire: "websocket",
    path: "/",
    unavailable: always,
    start: () => startRestarted(launchSluice),
  },
  {
    name: "ws-rolling",
    title: "`ws` under node:cluster, workers replaced one by one",
    wire: "websocket",
    path: "/",
    unavailable: always,
    start: () => startRolling({ onSigterm: "as-shipped" }),
  },
  {
    name: "ws-rolling-close",
    title: "the same with a hand-written `close(1001)` of every client",
    wire: "websocket",
    path: "/",
    unavailable: always,
    start: () => startRolling({ onSigterm: "close-loop" }),
  },
  {
    name: "socket.io",
    title: "Socket.IO, restarted",
    wire: socketIo.wire,
    path: socketIo.path,
    unavailable: () => socketIo.unavailable(),
    start: () => startRestarted(launchSocketIo),
  },
];

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  return typeof address === "object" && address ? address.port : 0;
}
