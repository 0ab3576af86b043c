/**
 * Sluice inside a program that has other things to do, and its own idea of what
 * signals mean.
 *
 *     node examples/embedded/main.ts
 *
 * - SIGTERM and SIGINT end the program: connections first, then the rest; a
 *   second one does not wait any longer.
 * - SIGUSR2 closes the connections older than a minute, and goes on.
 * - http://127.0.0.1:8000/ says how the server is.
 */
import { subscribe } from "node:diagnostics_channel";
import { once } from "node:events";
import { createServer } from "node:http";

import { channels, serve } from "sluice";

const SECOND = 1000;

// The library prints nothing. What is to be seen is subscribed to, before the start.
subscribe(channels.handlerError, (message) => console.error(message));

const server = await serve({
  handlers: new URL("handlers.ts", import.meta.url),
  port: process.env["PORT"] ?? "8080",
  admin: false,
  shutdownDeadlineMs: "5s",
});
console.log(`ws://${server.address.host}:${server.address.port}`);

const status = createServer((_request, response) => {
  const { ready, connections, states } = server.stats();
  response.setHeader("Content-Type", "application/json");
  response.end(JSON.stringify({ ready, connections, states }));
});
status.listen(Number(process.env["STATUS_PORT"] ?? "8000"), "127.0.0.1");
await once(status, "listening");

async function stop(signal: NodeJS.Signals): Promise<void> {
  if (!server.ready) return server.force();
  const report = await server.shutdown({ reason: signal });
  // Nobody is connected any more: what the handlers used can go.
  status.close();
  console.log(JSON.stringify(report.outcomes));
  process.exitCode = report.balanced && report.deadlineHeld ? 0 : 1;
}

async function renew(): Promise<void> {
  if (!server.ready) return;
  const { notified: told } = await server.drain({ olderThanMs: 60 * SECOND })
    .done;
  console.log(`${told} connections were asked to come back`);
}

process.on("SIGTERM", (signal) => void stop(signal));
process.on("SIGINT", (signal) => void stop(signal));
process.on("SIGUSR2", () => void renew());
