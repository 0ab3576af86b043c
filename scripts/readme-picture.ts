/**
 * Takes the picture at the head of the README: the inspector's chart of a server
 * with a few hundred connections, some of which do not read, some of which are
 * being told to come back.
 *
 *     node scripts/readme-picture.ts        (npm run docs:picture)
 */
import { once } from "node:events";
import { connect as connectTcp, type Socket } from "node:net";
import { fileURLToPath } from "node:url";

import { chromium } from "playwright-core";
import { WebSocket } from "ws";

import { serve, type SluiceServer } from "../src/index.ts";
import {
  ensureSystemPackages,
  systemPrograms,
} from "../test/support/system-packages.ts";

const picture = new URL("../docs/images/readme.png", import.meta.url);
const viewport = { width: 1280, height: 720 };

/** What an ordinary program does: it answers a close frame, and goes. */
const POLITE = 240;
/** Who is told to go and does not answer. */
const SILENT = 18;
/** Who asks for much and reads nothing. */
const SLOW = 7;
const WANTED_BYTES = 1_000_000;
const WANTED_TIMES = 12;

const server = await serve({
  port: 0,
  workers: 4,
  admin: true,
  adminPort: 0,
  maxConnections: 1000,
});
const clients: WebSocket[] = [];
const sockets: Socket[] = [];
for (let at = 0; at < POLITE; at++) {
  const client = new WebSocket(addressOf(server, "/chat/lobby"));
  await once(client, "open");
  clients.push(client);
}
for (let at = 0; at < SLOW; at++) {
  const client = new WebSocket(addressOf(server, "/echo"));
  await once(client, "open");
  client.pause();
  for (let sent = 0; sent < WANTED_TIMES; sent++)
    client.send(Buffer.alloc(WANTED_BYTES));
  clients.push(client);
}
for (let at = 0; at < SILENT; at++) sockets.push(await silent(server));

await ensureSystemPackages(["chromium"]);
const browser = await chromium.launch({
  executablePath: systemPrograms.chromium,
  args: process.getuid?.() === 0 ? ["--no-sandbox"] : [],
});
const page = await browser.newPage({ viewport });
const { host, port } = server.adminAddress ?? {};
await page.goto(`http://${host}:${port}/`);
const congested = (count: number) =>
  page.getByLabel(`open.congested: ${count} connections`);
await congested(SLOW).waitFor();
const drain = server.drain({ pathPrefix: "/chat/away", deadlineMs: 60_000 });
await page.getByLabel(/^draining\.awaiting: \d\d connections/).waitFor();
await page.screenshot({
  path: fileURLToPath(picture),
  animations: "disabled",
});
await browser.close();
for (const client of clients) client.terminate();
for (const socket of sockets) socket.destroy();
await drain.done;
await server.shutdown();

function addressOf({ address }: SluiceServer, path: string): string {
  return `ws://127.0.0.1:${address.port}${path}`;
}

/** Somebody who opens a connection and says nothing any more. */
async function silent({ address }: SluiceServer): Promise<Socket> {
  const socket = connectTcp(address.port, "127.0.0.1");
  socket.write(
    [
      "GET /chat/away HTTP/1.1",
      "Host: 127.0.0.1",
      "Connection: Upgrade",
      "Upgrade: websocket",
      "Sec-WebSocket-Version: 13",
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
      "\r\n",
    ].join("\r\n"),
  );
  await once(socket, "data");
  return socket;
}
