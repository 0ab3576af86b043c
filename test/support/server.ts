import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import {
  serve,
  type ServerOptions,
  type SluiceServer,
} from "../../src/index.ts";

/** The handlers that most tests serve; see the file for what each path does. */
export const SERVICE = fileURLToPath(new URL("service.ts", import.meta.url));

/**
 * Starts a server in this process, on a free port, with one shard and the
 * service of the tests unless told otherwise. It is ended with the test.
 */
export async function startServer(
  options: ServerOptions = {},
): Promise<SluiceServer & { readonly port: number }> {
  const server = await serve({
    port: 0,
    workers: 1,
    handlers: SERVICE,
    origins: "any",
    ...options,
  });
  onTestFinished(async () => {
    server.force();
    await server.terminated.catch(() => {});
  });
  return Object.assign(server, { port: server.address.port });
}
