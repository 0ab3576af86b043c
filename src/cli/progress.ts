import cliProgress from "cli-progress";
import type { Logger } from "pino";

import type { OutputStream } from "./io.ts";
import type { Outcomes, ServerStats } from "./server-types.ts";

const BAR_INTERVAL_MS = 100;
const LOG_INTERVAL_MS = 1000;

/** How far a shutdown has come. */
export interface Progress {
  /** Connections not yet told. */
  readonly waiting: number;
  readonly closing: number;
  readonly draining: number;
  /** Connections that ended since the shutdown began. */
  readonly done: number;
  readonly total: number;
  /** Milliseconds until the deadline. */
  readonly leftMs: number;
}

/** Shows a shutdown's progress while it is under way. */
export interface ProgressDisplay {
  /** Does nothing while already started. */
  start(stats: () => ServerStats): void;
  /** Does nothing while not started. */
  stop(): void;
  /** Called before another line goes to the same terminal. */
  makeRoom(): void;
}

/**
 * Works out the progress from two looks at the server.
 *
 * @param endedBefore - Connections that had already ended when it began.
 */
export function measureProgress(
  stats: ServerStats,
  endedBefore: number,
): Progress {
  const { closing = 0, draining = 0 } = stats.states;
  const done = countEnded(stats.ledger.outcomes) - endedBefore;
  return {
    waiting: Math.max(0, stats.connections - closing - draining),
    closing,
    draining,
    done,
    total: done + stats.connections,
    leftMs: Math.max(0, stats.deadlineInMs ?? 0),
  };
}

/** `1880 of 5000 done, 120 closing, 3000 draining, 5.2 s left` */
export function describeProgress(progress: Progress): string {
  const parts = [
    `${progress.done} of ${progress.total} done`,
    ...(progress.waiting > 0 ? [`${progress.waiting} open`] : []),
    `${progress.closing} closing`,
    `${progress.draining} draining`,
    `${(progress.leftMs / 1000).toFixed(1)} s left`,
  ];
  return parts.join(", ");
}

function countEnded(outcomes: Outcomes): number {
  return Object.values(outcomes).reduce<number>((sum, n) => sum + n, 0);
}

/** A bar on a terminal that is redrawn in place, below what is logged. */
export function createProgressBar(stream: OutputStream): ProgressDisplay {
  const bar = new cliProgress.SingleBar({
    stream,
    barsize: 20,
    fps: 1000 / BAR_INTERVAL_MS,
    clearOnComplete: true,
    // A log line may have wiped the bar since it was last drawn.
    forceRedraw: true,
    // Signals are the server's business: the second one must reach it.
    gracefulExit: false,
    // Leave the terminal's own settings alone, so that none has to be restored.
    linewrap: null,
    hideCursor: null,
    format: (options, params, progress: Progress) =>
      `${cliProgress.Format.BarFormat(params.progress, options)} ${describeProgress(progress)}`,
  });
  return createTicker(
    BAR_INTERVAL_MS,
    (progress, isFirst) => {
      if (isFirst) bar.start(progress.total, progress.done, progress);
      bar.setTotal(progress.total);
      bar.update(progress.done, progress);
    },
    {
      stop: () => bar.stop(),
      makeRoom: () => stream.write("\r\u001B[2K"),
    },
  );
}

/** One log line a second, for where there is no terminal. */
export function createProgressLog(logger: Logger): ProgressDisplay {
  return createTicker(LOG_INTERVAL_MS, (progress) => {
    logger.info({ progress }, describeProgress(progress));
  });
}

function createTicker(
  intervalMs: number,
  show: (progress: Progress, isFirst: boolean) => void,
  hooks: { readonly stop?: () => void; readonly makeRoom?: () => void } = {},
): ProgressDisplay {
  let timer: NodeJS.Timeout | undefined;
  return {
    start(stats) {
      if (timer !== undefined) return;
      const endedBefore = countEnded(stats().ledger.outcomes);
      show(measureProgress(stats(), endedBefore), true);
      timer = setInterval(() => {
        show(measureProgress(stats(), endedBefore), false);
      }, intervalMs);
      timer.unref();
    },
    stop() {
      if (timer === undefined) return;
      clearInterval(timer);
      timer = undefined;
      hooks.stop?.();
    },
    makeRoom() {
      if (timer !== undefined) hooks.makeRoom?.();
    },
  };
}
