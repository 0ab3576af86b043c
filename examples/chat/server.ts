/**
 * A chat on every core: the built-in `/chat/<room>` of Sluice, and a page to
 * talk from.
 *
 *     node examples/chat/server.ts
 *
 * Then open the address that it prints in two browsers. Options of the
 * server come from the environment, such as `SLUICE_WORKERS=4`.
 */
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { serve } from "sluice";

const page = await readFile(new URL("index.html", import.meta.url), "utf8");
const pages = createServer((request, response) => {
  if (request.url !== "/") {
    response.writeHead(404).end();
    return;
  }
  response.setHeader("Content-Type", "text/html; charset=utf-8");
  // The page is told where the chat is; everything else in it stands still.
  const { host, port } = server.address;
  response.end(page.replace("{{chat}}", `ws://${host}:${port}/chat/`));
});

const { promise: listening, resolve } = Promise.withResolvers<void>();
pages.listen(Number(process.env["PAGE_PORT"] ?? 8000), "127.0.0.1", resolve);
await listening;
const origin = `http://127.0.0.1:${(pages.address() as AddressInfo).port}`;

const server = await serve({
  port: process.env["SLUICE_PORT"] ?? "8080",
  workers: process.env["SLUICE_WORKERS"],
  origins: [origin],
});
console.log(`Talk at ${origin}`);

const stop = async (): Promise<void> => {
  pages.close();
  pages.closeAllConnections();
  await server.shutdown();
};
process.once("SIGTERM", () => void stop());
process.once("SIGINT", () => void stop());
