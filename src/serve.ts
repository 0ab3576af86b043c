import { Admin } from "./admin/admin.ts";
import { type Config, resolveConfig, type ServerOptions } from "./config.ts";
import { narrowArguments, SIGNAL } from "./config/arguments.ts";
import { SluiceError } from "./errors.ts";
import { checkSockets } from "./main/handover/check-sockets.ts";
import { Server } from "./main/server.ts";
import type { ServeControl, SluiceServer } from "./main/server-types.ts";
import { readTlsMaterial } from "./main/tls-material.ts";
import { describeOldRuntime } from "./runtime.ts";

const CONTROL = { signal: SIGNAL };

/**
 * Starts a server.
 *
 * @param options - See the table in the README.
 * @param control - `signal` shuts the server down when it aborts; aborted
 *   before the server listens, it ends the start.
 * @returns the server, once it listens and every shard serves
 * @throws SluiceError `ERR_SLUICE_OPTION`, `ERR_SLUICE_RUNTIME`,
 *   `ERR_SLUICE_HANDLERS`, `ERR_SLUICE_TLS`, `ERR_SLUICE_LISTEN` or
 *   `ERR_SLUICE_SHARD_START`, or the signal's reason; nothing is left running
 *   then.
 */
export async function serve(
  options: ServerOptions = {},
  control?: ServeControl,
): Promise<SluiceServer> {
  const { signal }: ServeControl = narrowArguments(CONTROL, control, "serve()");
  const complaint = describeOldRuntime(process.versions.node);
  if (complaint !== undefined)
    throw new SluiceError("ERR_SLUICE_RUNTIME", complaint);
  const config = resolveConfig(options);
  const [tls, moveBlocker] = await Promise.all([
    readTlsMaterial(config),
    findWhyNoMoves(config),
  ]);
  signal?.throwIfAborted();
  const server = new Server(
    config,
    tls,
    moveBlocker,
    config.admin
      ? (inspected, inherited) => Admin.open(inspected, inherited)
      : undefined,
  );
  await server.start(signal);
  return server;
}

/** Why live connections cannot be moved by this server, or `undefined`: found out before it listens. */
async function findWhyNoMoves(config: Config): Promise<string | undefined> {
  return config.handover ? checkSockets() : "the option handover is off";
}
