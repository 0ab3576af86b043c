/**
 * A Sluice server that is told what to do over a socket of its own, named after
 * its process: an upgrade leaves the field to another process, which has another.
 *
 *     node server.ts '{"folder":"/tmp/x","port":0,"workers":2}'
 */
import { createServer, type Socket } from "node:net";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { serve, type SluiceServer } from "../../src/index.ts";
import type { Order, ServerPlan } from "./order.ts";
import { controlPath } from "./order.ts";

const plan = JSON.parse(process.argv[2] ?? "") as ServerPlan;

async function obey(server: SluiceServer, order: Order): Promise<unknown> {
  switch (order.do) {
    case "move":
      return server.drain({ shard: order.shard, move: true }).done;
    case "rebalance":
      return server.rebalance();
    case "reload":
      return server.reload();
    case "upgrade":
      return server.upgrade();
    case "stats":
      return server.stats();
    case "shutdown":
    default:
      void server.shutdown();
      return {};
  }
}

function listenTo(server: SluiceServer, socket: Socket): void {
  socket.on("error", () => {});
  createInterface({ input: socket }).on("line", (line) => {
    obey(server, JSON.parse(line) as Order).then(
      (answer) => socket.write(`${JSON.stringify({ answer })}\n`),
      (error: unknown) =>
        socket.write(`${JSON.stringify({ error: String(error) })}\n`),
    );
  });
}

const server = await serve({
  port: plan.port,
  workers: plan.workers,
  handlers: fileURLToPath(new URL("handlers.ts", import.meta.url)),
  origins: "any",
  admin: false,
  backlog: 4096,
});
const control = createServer((socket) => listenTo(server, socket));
control.listen(controlPath(plan.folder, process.pid));
console.log(JSON.stringify({ listening: server.address.port }));
const report = await server.terminated;
console.log(JSON.stringify({ report }));
process.exit(0);
