import { afterAll, beforeAll, expect } from "vitest";
import {
  serve,
  type ServerOptions,
  type ShutdownReport,
  type SluiceServer,
} from "../../src/index.ts";
import { SERVICE } from "./server.ts";

/** A server that all tests of a file, or of a `describe`, use. */
export interface SharedServer {
  readonly server: SluiceServer;
  readonly port: number;
}

/**
 * Starts a server before the first test and shuts it down after the last.
 *
 * @param options - One shard and the service of the tests, unless told otherwise.
 * @param judge - Looks at the report; what it throws fails the file.
 */
export function shareServer(
  options: ServerOptions = {},
  judge: (report: ShutdownReport) => void = () => {},
): SharedServer {
  let server: SluiceServer | undefined;
  beforeAll(async () => {
    server = await serve({
      port: 0,
      workers: 1,
      handlers: SERVICE,
      origins: "any",
      ...options,
    });
  });
  afterAll(async () => {
    const report = await server?.shutdown();
    if (report !== undefined) judge(report);
  });
  return {
    get server() {
      if (server === undefined)
        throw new Error("the shared server is there while tests run only");
      return server;
    },
    get port() {
      return this.server.address.port;
    },
  };
}

/** The usual judgement: the ledger adds up, and nothing was cut or crashed. */
export function expectBalance({ balanced, outcomes }: ShutdownReport): void {
  expect(balanced).toBe(true);
  expect(outcomes).toMatchObject({ lost: 0, forced: 0, crashed: 0 });
}
