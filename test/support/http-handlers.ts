import type { IncomingMessage, ServerResponse } from "node:http";
import { setTimeout as after } from "node:timers/promises";
import { BroadcastChannel } from "node:worker_threads";
import { defineHandlers } from "../../src/index.ts";

/**
 * Handlers that answer plain HTTP, and echo.
 *
 * | path | does |
 * |---|---|
 * | `/echo` | answers with what it was told: method, url, address, headers, body, trailers, as JSON |
 * | `/slow?ms=` | answers after so long |
 * | `/gated` | answers `begun` at once, and the rest when somebody asks for `/gate` |
 * | `/large?bytes=` | answers with so many bytes |
 * | `/deaf?status=` | answers at once, without reading the body |
 * | `/events` | sends an event, and tells on the BroadcastChannel `?news=` when its client has left |
 * | `/throw`, `/reject`, `/reject-late` | the hook fails; the last one in the middle of its answer |
 * | `/destroy` | ends the socket |
 * | `/die` | ends the thread |
 * | else | 404 |
 */
export default defineHandlers({
  async request(request, response) {
    const url = new URL(request.url ?? "", "http://sluice.test");
    const number = (name: string): number => Number(url.searchParams.get(name));
    switch (url.pathname) {
      case "/echo":
        return await echo(request, response);
      case "/slow":
        await after(number("ms"));
        response.end("slow");
        return;
      case "/gated":
        response.write("begun ");
        gated.add(response);
        return;
      case "/gate":
        for (const other of gated) other.end("and done");
        gated.clear();
        response.end("opened");
        return;
      case "/large":
        response.end(Buffer.alloc(number("bytes"), "x"));
        return;
      case "/deaf":
        response.writeHead(number("status")).end("no, thanks");
        return;
      case "/events":
        response.writeHead(200, { "Content-Type": "text/event-stream" });
        response.write("data: 1\n\n");
        response.on("close", () => tell(url, { hook: "left" }));
        return;
      case "/throw":
        throw new Error("failed on purpose");
      case "/reject":
        await after(1);
        response.setHeader("X-Half", "made");
        throw new Error("failed on purpose");
      case "/reject-late":
        response.write("half ");
        await after(1);
        throw new Error("failed on purpose");
      case "/die":
        process.exit(3);
        break;
      case "/destroy":
        request.socket.destroy();
        return;
      default:
        response.writeHead(404).end();
    }
  },
  message(connection, data, isBinary) {
    connection.send(data, isBinary);
  },
});

const gated = new Set<ServerResponse>();

async function echo(
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const { method, url, headers, trailers, socket } = request;
  response.setHeader("Content-Type", "application/json");
  response.end(
    JSON.stringify({
      method,
      url,
      headers,
      trailers,
      address: socket.remoteAddress,
      isEncrypted: "encrypted" in socket && socket.encrypted,
      bytes: Buffer.concat(chunks).length,
      body: Buffer.concat(chunks).toString().slice(0, 1_000),
    }),
  );
}

function tell(url: URL, news: unknown): void {
  const name = url.searchParams.get("news");
  if (name === null) return;
  const channel = new BroadcastChannel(name);
  channel.postMessage(news);
  channel.close();
}
