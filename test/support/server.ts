import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, onTestFinished } from "vitest";
import {
  serve,
  type ServerOptions,
  type SluiceServer,
} from "../../src/index.ts";

/** The handlers that most tests serve; see the file for what each path does. */
export const SERVICE = fileURLToPath(new URL("service.ts", import.meta.url));

export type TestServer = SluiceServer & { readonly port: number };

/**
 * Starts a server in this process, on a free port, with one shard and the
 * service of the tests unless told otherwise. It is ended with the test.
 */
export async function startServer(
  options: ServerOptions = {},
): Promise<TestServer> {
  const server = await launch(options);
  onTestFinished(() => end(server));
  return server;
}

/**
 * Starts one server for all tests of a `describe`, which must leave it as they
 * found it: a start takes longer than most tests.
 *
 * @returns the server, once the tests run
 */
export function shareServer(options: ServerOptions = {}): () => TestServer {
  let server: TestServer | undefined;
  beforeAll(async () => {
    server = await launch(options);
  });
  afterAll(async () => {
    if (server !== undefined) await end(server);
  });
  return () => server as TestServer;
}

async function end(server: TestServer): Promise<void> {
  server.force();
  await server.terminated.catch(() => {});
}

async function launch(options: ServerOptions): Promise<TestServer> {
  const server = await serve({
    port: 0,
    workers: 1,
    handlers: SERVICE,
    origins: "any",
    ...options,
  });
  return Object.assign(server, { port: server.address.port });
}
