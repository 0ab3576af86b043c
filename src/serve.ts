import { Admin } from "./admin/admin.ts";
import { type CreateAdminListener, TcpAdminListener } from "./admin/listen.ts";
import { type Config, resolveConfig, type ServerOptions } from "./config.ts";
import { narrowArguments, SIGNAL } from "./config/arguments.ts";
import { SluiceError } from "./errors.ts";
import { nodeMainSurroundings } from "./main/node-surroundings.ts";
import { Server } from "./main/server.ts";
import type { ServeControl, SluiceServer } from "./main/server-types.ts";
import { start } from "./main/startup.ts";
import type { MainSurroundings } from "./main/main-surroundings.ts";
import { readTlsMaterial } from "./main/tls-material.ts";
import { describeOldRuntime } from "./runtime.ts";

const CONTROL = { signal: SIGNAL };

/** What a whole server asks of the world that it lives in: main, and the inspector beside it. */
export interface Surroundings extends MainSurroundings {
  readonly createAdminListener: CreateAdminListener;
}

const nodeSurroundings: Surroundings = {
  ...nodeMainSurroundings,
  createAdminListener: (http) => new TcpAdminListener(http),
};

/**
 * Starts a server.
 *
 * @param options - See docs/options.md.
 * @param control - `signal` shuts the server down when it aborts; aborted
 *   before the server listens, it ends the start.
 * @returns the server, once it listens and every shard serves
 * @throws SluiceError `ERR_SLUICE_OPTION`, `ERR_SLUICE_RUNTIME`,
 *   `ERR_SLUICE_HANDLERS`, `ERR_SLUICE_TLS`, `ERR_SLUICE_LISTEN` or
 *   `ERR_SLUICE_SHARD_START`, or the signal's reason; nothing is left running
 *   then.
 *
 * @example
 * ```ts
 * import { serve } from "sluice";
 *
 * const handlers = new URL("handlers.ts", import.meta.url);
 * const server = await serve({ handlers, port: 8080, shutdownDeadlineMs: "8s" });
 * process.once("SIGTERM", () => void server.shutdown());
 * const { outcomes, balanced } = await server.terminated;
 * console.log(outcomes, balanced);
 * ```
 * @group Start here
 */
export async function serve(
  options: ServerOptions = {},
  control?: ServeControl,
): Promise<SluiceServer> {
  const { signal }: ServeControl = narrowArguments(CONTROL, control, "serve()");
  const complaint = describeOldRuntime(process.versions.node);
  if (complaint !== undefined)
    throw new SluiceError("ERR_SLUICE_RUNTIME", complaint);
  return serveIn(nodeSurroundings, resolveConfig(options), signal);
}

/** The same in surroundings that may be simulated. */
export async function serveIn(
  surroundings: Surroundings,
  config: Config,
  signal?: AbortSignal,
): Promise<SluiceServer> {
  const [tls, moveBlocker, handleFault] = await Promise.all([
    readTlsMaterial(config),
    config.handover
      ? surroundings.checkSockets()
      : "the option handover is off",
    // Encrypted ones need a stream.
    config.tlsKeyFile === undefined ? surroundings.checkHandles() : undefined,
  ]);
  signal?.throwIfAborted();
  const server = new Server({
    config,
    tls,
    moveBlocker,
    handleFault,
    surroundings,
    openInspector: config.admin
      ? (inspected, inherited) =>
          Admin.open(inspected, surroundings.createAdminListener, inherited)
      : undefined,
  });
  await start(server, signal);
  return server.face;
}
