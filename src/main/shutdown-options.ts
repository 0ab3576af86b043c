import { DURATION, narrowArguments, TEXT } from "../config/arguments.ts";

/** How a shutdown is asked for. */
export interface ShutdownOptions {
  /** Milliseconds from now, or words such as `"8s"`; `shutdownDeadlineMs` by default. A later call may only shorten it. */
  deadlineMs?: number | string;
  /** For the report. */
  reason?: string;
}

/** The options of a shutdown, narrowed. */
export interface ShutdownOrder {
  readonly deadlineMs?: number;
  readonly reason?: string;
}

const SHUTDOWN = { deadlineMs: DURATION, reason: TEXT };

/**
 * Narrows the options of a shutdown: a mistake in them must not cut anyone.
 *
 * @throws SluiceError `ERR_SLUICE_OPTION`.
 */
export function narrowShutdown(options: unknown): ShutdownOrder {
  return narrowArguments(SHUTDOWN, options, "shutdown()");
}
