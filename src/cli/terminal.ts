import { closeSync, openSync } from "node:fs";
import { isatty } from "node:tty";

/** A process's own controlling terminal, whatever its streams are. */
const TERMINAL = "/dev/tty";
const STANDARD_STREAMS = [0, 1, 2];

/** The terminal that the process was started on, and who waits for it. */
export interface Terminal {
  /**
   * A shell waits for this very process and gives its terminal to it for so
   * long; or a container ends with it.
   */
  readonly isWaitedFor: boolean;
  /** Whether the terminal that it was started on was closed. */
  hasHungUp(): boolean;
}

/** Of a process that a service manager has started. */
export const noTerminal: Terminal = {
  isWaitedFor: false,
  hasHungUp: () => false,
};

/**
 * Looks around, at the start. `nohup` leaves none of the standard streams on the
 * terminal: then its end is nothing to this process.
 */
export function findTerminal(): Terminal {
  const isOnTerminal =
    STANDARD_STREAMS.some((stream) => isatty(stream)) && canOpenTerminal();
  return {
    isWaitedFor: isOnTerminal || process.pid === 1,
    // The kernel takes it away from the session before it sends SIGHUP.
    hasHungUp: () => isOnTerminal && !canOpenTerminal(),
  };
}

function canOpenTerminal(): boolean {
  try {
    closeSync(openSync(TERMINAL, "r"));
    return true;
  } catch {
    return false;
  }
}
