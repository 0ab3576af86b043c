/**
 * `ws` under node:cluster with a rolling restart: for each `roll` on stdin, one
 * worker after the other is replaced. The new one listens first; then the old
 * one is sent SIGTERM, as process managers do.
 */
import cluster, { type Worker } from "node:cluster";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { announce, collectNode, readOptions } from "./control.ts";
import { serveWs } from "./ws-handlers.ts";

const options = readOptions();

/** Resolves when it listens. */
async function fork(): Promise<{ worker: Worker; port: number }> {
  const worker = cluster.fork();
  const [port] = (await once(worker, "message")) as [number];
  return { worker, port };
}

if (cluster.isPrimary) {
  let workers: Worker[] = [];
  let port = 0;
  for (let count = 0; count < options.workers; count++) {
    const forked = await fork();
    workers.push(forked.worker);
    port = forked.port;
  }
  const roll = async (): Promise<void> => {
    const old = workers;
    workers = [];
    for (const worker of old) {
      workers.push((await fork()).worker);
      const exited = once(worker, "exit");
      worker.process.kill("SIGTERM");
      await exited;
    }
    console.log("rolled");
  };
  createInterface({ input: process.stdin }).on("line", (line) => {
    if (line === "roll") void roll();
  });
  // Workers that ask for port 0 all get the same one.
  announce(port, collectNode);
} else {
  process.send?.(await serveWs(options));
}
