import { once } from "node:events";
import {
  type IncomingHttpHeaders,
  type IncomingMessage,
  request,
} from "node:http";
import { text } from "node:stream/consumers";
import { onTestFinished } from "vitest";
import { WebSocket } from "ws";
import type { SluiceServer } from "../../../src/index.ts";

export interface AdminAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** The body as JSON, taken for what the test knows it to be. */
  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters
  json<Value>(): Value;
}

interface Details {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | object;
}

/** Calls the admin listener as `node:http` does: unlike `fetch`, it sends any Host and Origin. */
export async function callAdmin(
  server: Pick<SluiceServer, "adminAddress">,
  path: string,
  { method = "GET", headers = {}, body }: Details = {},
): Promise<AdminAnswer> {
  const { host, port } = server.adminAddress as { host: string; port: number };
  const outgoing = request({ host, port, path, method, headers, agent: false });
  const isBytes = typeof body === "string" || Buffer.isBuffer(body);
  outgoing.end(isBytes ? body : body && JSON.stringify(body));
  const [response] = (await once(outgoing, "response")) as [IncomingMessage];
  const content = await text(response);
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    text: content,
    json: () => JSON.parse(content),
  };
}

/** A POST as the shell sends it. */
export function post(
  server: Pick<SluiceServer, "adminAddress">,
  path: string,
  body: object = {},
): Promise<AdminAnswer> {
  const headers = { "sluice-request": "1" };
  return callAdmin(server, path, { method: "POST", headers, body });
}

export interface AdminEvent {
  readonly event: string;
  readonly data: unknown;
}

/** Reads server-sent events, one at a time. */
export async function openEvents(
  server: Pick<SluiceServer, "adminAddress">,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<AsyncIterator<AdminEvent> & { close(): void }> {
  const { host, port } = server.adminAddress as { host: string; port: number };
  const outgoing = request({ host, port, path, headers, agent: false });
  outgoing.end();
  const [response] = (await once(outgoing, "response")) as [IncomingMessage];
  onTestFinished(() => void outgoing.destroy());
  const events = read(response);
  return {
    next: () => events.next(),
    close: () => void outgoing.destroy(),
  };
}

async function* read(
  chunks: AsyncIterable<Buffer>,
): AsyncGenerator<AdminEvent> {
  let rest = "";
  for await (const chunk of chunks) {
    rest += chunk.toString();
    const blocks = rest.split("\n\n");
    rest = blocks.pop() as string;
    for (const block of blocks) {
      const event = /^event: (.*)$/m.exec(block)?.[1] ?? "message";
      const data: unknown = JSON.parse(
        /^data: (.*)$/m.exec(block)?.[1] ?? "null",
      );
      yield { event, data };
    }
  }
}

/** An open client, ended with the test. */
export async function connect(
  server: SluiceServer,
  path = "/echo",
  headers: Readonly<Record<string, string>> = {},
): Promise<WebSocket> {
  const { port } = server.address;
  const client = new WebSocket(`ws://127.0.0.1:${port}${path}`, { headers });
  onTestFinished(() => client.terminate());
  await once(client, "open");
  return client;
}
