/** Sluice itself, through its command line, as a user would start it. */
import { existsSync } from "node:fs";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { startPinned, stopProcess, type PinnedProcess } from "./process.ts";
import type { RunningSubject, Subject, SubjectOptions } from "./subject.ts";

const cli = fileURLToPath(new URL("../../src/cli.ts", import.meta.url));
const handlers = {
  echo: fileURLToPath(new URL("handlers/echo.ts", import.meta.url)),
  "fan-out": fileURLToPath(new URL("handlers/fan-out.ts", import.meta.url)),
};
const startDeadlineMs = 15_000;
const probeIntervalMs = 20;

/** Sluice with K shards. */
export const sluice: Subject = {
  name: "sluice",
  title: "Sluice",
  configuration:
    "sluice serve with one shard unless said otherwise, defaults but for " +
    "origins any, compression where that is measured, and closeRate " +
    "unlimited where the shutdown is",
  wire: "websocket",
  path: "/echo",
  unavailable: () =>
    existsSync(cli) ? undefined : "its command line does not exist yet",
  start: startSluice,
};

async function startSluice(options: SubjectOptions): Promise<RunningSubject> {
  const port = await freePort();
  const server = await startPinned(options.cores, process.execPath, [
    "--expose-gc",
    cli,
    "serve",
    ...["--handlers", handlers[options.mode]],
    ...["--port", String(port)],
    ...["--workers", String(options.workers)],
    ...["--origins", "any"],
    ...["--close-rate", "unlimited"],
    ...["--log-level", "warn"],
    ...["--report", "none"],
    ...(options.compression === true ? ["--compression"] : []),
    ...(options.tls ? ["--tls-key-file", options.tls.keyFile] : []),
    ...(options.tls ? ["--tls-cert-file", options.tls.certFile] : []),
  ]);
  try {
    await readiness(server, port);
  } catch (error) {
    await stopProcess(server);
    throw error;
  }
  return {
    pid: server.pid,
    port,
    collect: async () => collect(port),
    stop: async () => stopProcess(server),
  };
}

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  return typeof address === "object" && address ? address.port : 0;
}

/** Waits until the port accepts: Sluice listens only when its shards serve. */
async function readiness(server: PinnedProcess, port: number): Promise<void> {
  const deadline = performance.now() + startDeadlineMs;
  while (performance.now() < deadline && server.child.exitCode === null) {
    if (await accepts(port)) return;
    await delay(probeIntervalMs);
  }
  throw new Error(`Sluice did not start to listen: ${server.complaint()}`);
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect({ host: "127.0.0.1", port });
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** The handlers collect in their own thread when one connects to `/collect`. */
async function collect(port: number): Promise<void> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/collect`);
  await once(socket, "close");
}
