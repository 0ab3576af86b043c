import type { Io } from "./io.ts";

const STOP_SIGNALS = ["SIGTERM", "SIGINT"] as const;

/**
 * `npm start` passes a signal on to a child that the terminal or the service
 * manager has already sent it to. Two within this time are then one.
 */
const ECHO_MS = 100;

/** What signals ask for. */
export interface SignalActions {
  /** The first SIGTERM or SIGINT, or SIGHUP because the terminal was closed. */
  readonly stop: (signal: string) => void;
  /** Every further SIGTERM or SIGINT. */
  readonly force: (signal: string) => void;
  /** SIGHUP that somebody has sent. */
  readonly reload: () => void;
  /** SIGUSR2. */
  readonly upgrade: () => void;
}

/** Signals that are being listened to. */
export interface AttachedSignals {
  /** Makes the next SIGTERM or SIGINT a first one again. */
  forget(): void;
  /** Sends what comes from now on to other actions. */
  redirect(to: SignalActions): void;
}

/**
 * Ties signals to actions for the rest of the process's life. There is no
 * letting go on purpose: while nobody listens, even for an instant between two
 * listeners, a SIGHUP or an impatient second SIGTERM kills the process.
 *
 * @param hasHungUp - Whether a SIGHUP means that the terminal was closed.
 * @param now - Monotonic milliseconds.
 */
export function attachSignals(
  io: Pick<Io, "on" | "env">,
  actions: SignalActions,
  hasHungUp: () => boolean = () => false,
  now: () => number = () => performance.now(),
): AttachedSignals {
  const echoMs = io.env["npm_lifecycle_event"] === undefined ? 0 : ECHO_MS;
  let target = actions;
  let firstAt: number | undefined;

  const stop = (signal: string): void => {
    if (firstAt === undefined) {
      firstAt = now();
      target.stop(signal);
    } else if (now() - firstAt >= echoMs) {
      target.force(signal);
    }
  };
  for (const signal of STOP_SIGNALS) io.on(signal, stop);
  io.on("SIGHUP", (signal: string) => {
    if (!hasHungUp()) target.reload();
    // The kernel and the shell may both send it: that is no impatience.
    else if (firstAt === undefined) stop(signal);
  });
  io.on("SIGUSR2", () => target.upgrade());
  return {
    forget() {
      firstAt = undefined;
    },
    redirect(to) {
      target = to;
    },
  };
}
