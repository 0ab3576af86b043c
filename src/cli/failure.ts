import type { Config } from "../config.ts";
import { SluiceError } from "../errors.ts";

/** Exit statuses of the command line. */
export const EXIT = { ok: 0, failed: 1, usage: 2 } as const;

/** The exit status for an error that ended the command. */
export function statusOf(error: unknown): number {
  return error instanceof SluiceError && error.code === "ERR_SLUICE_OPTION"
    ? EXIT.usage
    : EXIT.failed;
}

const listenFailures = new Map<string, (host: string, port: number) => string>([
  [
    "EADDRINUSE",
    (host, port) =>
      `port ${port} on ${host} is in use: stop what listens there, or choose another with --port (0 takes any free one)`,
  ],
  [
    "EACCES",
    (host, port) =>
      `port ${port} on ${host} may not be opened by this user: choose one above 1023 with --port, or grant CAP_NET_BIND_SERVICE`,
  ],
  [
    "EADDRNOTAVAIL",
    (host) =>
      `${host} is no address of this machine: choose one with --host (0.0.0.0 or :: for all)`,
  ],
  [
    "ENOTFOUND",
    (host) =>
      `the host name ${host} does not resolve: choose an address with --host`,
  ],
]);

/**
 * One clear sentence for a failure to listen, which is the mistake that people
 * make most often: the address is in use, forbidden or not this machine's.
 *
 * @returns `undefined` when the error is none of these.
 */
export function describeListenFailure(
  error: unknown,
  { host, port }: Pick<Config, "host" | "port">,
): string | undefined {
  if (!(error instanceof SluiceError) || error.code !== "ERR_SLUICE_LISTEN") {
    return undefined;
  }
  return listenFailures.get(systemCode(error.cause) ?? "")?.(host, port);
}

function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}
