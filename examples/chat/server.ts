/**
 * A chat on every core: the built-in `/chat/<room>` of Sluice, and a page to
 * talk from. Restart it: its pages come back, each at its own time, and what
 * was typed meanwhile goes out. (What others said meanwhile is not sent again.)
 *
 *     node examples/chat/server.ts
 *
 * Then open the address that it prints in two browsers. Options of the
 * server come from the environment, such as `SLUICE_WORKERS=4`.
 */
import { readdir, readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { serve } from "sluice";

const page = await readFile(new URL("index.html", import.meta.url), "utf8");
/** The client as it is in the package: a page loads it without a bundler. */
const folder = new URL(".", import.meta.resolve("sluice/client"));
const scripts = new Map<string, Buffer>();
for (const name of await readdir(folder))
  if (name.endsWith(".js"))
    scripts.set(`/client/${name}`, await readFile(new URL(name, folder)));

const pages = createServer(({ url = "" }, response) => {
  const script = scripts.get(url);
  if (script !== undefined) {
    response.setHeader("Content-Type", "text/javascript; charset=utf-8");
    response.end(script);
  } else if (url === "/") {
    response.setHeader("Content-Type", "text/html; charset=utf-8");
    // The page is told where the chat is; everything else in it stands still.
    const { host, port } = server.address;
    response.end(page.replace("{{chat}}", `ws://${host}:${port}/chat/`));
  } else response.writeHead(404).end();
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
