/** `ws` under node:cluster, round-robin, which is Node's default. */
import cluster from "node:cluster";
import { once } from "node:events";
import { announce, collectNode, readOptions } from "./control.ts";
import { serveWs } from "./ws-handlers.ts";

const options = readOptions();

if (cluster.isPrimary) {
  const ports: number[] = [];
  for (let count = 0; count < options.workers; count++) {
    const worker = cluster.fork();
    const [port] = await once(worker, "message");
    ports.push(Number(port));
  }
  // Workers that ask for port 0 all get the same one.
  announce(ports[0] ?? 0, () => {
    for (const worker of Object.values(cluster.workers ?? {})) {
      worker?.send("collect");
    }
    collectNode();
  });
} else {
  process.on("message", collectNode);
  process.send?.(await serveWs(options));
}
