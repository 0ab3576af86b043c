import cliProgress from "cli-progress";
import type { Logger } from "./logger.ts";

import type { OutputStream } from "./io.ts";
import type { LiveCounts } from "./served-server.ts";

const BAR_WIDTH = 20;
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
  readonly start: (stats: () => LiveCounts) => void;
  /** Does nothing while not started. */
  readonly stop: () => void;
}

/** A display that shares its stream with other lines. */
export interface ProgressBar extends ProgressDisplay {
  /** Writes a line, with its line break, above the bar. */
  readonly write: (line: string) => void;
}

/**
 * Works out the progress from two looks at the server.
 *
 * @param endedBefore - Connections that had already ended when it began.
 */
export function measureProgress(
  stats: LiveCounts,
  endedBefore: number,
): Progress {
  const closing = countIn(stats, "closing");
  const draining = countIn(stats, "draining");
  const done = countEnded(stats.ledger.outcomes) - endedBefore;
  return {
    waiting: Math.max(0, stats.connections - closing - draining),
    closing,
    draining,
    done,
    total: done + stats.connections,
    leftMs: Math.max(0, Math.round(stats.deadlineInMs ?? 0)),
  };
}

/** Connections in a state or in one within it, such as `draining.awaiting`. */
function countIn({ states }: LiveCounts, state: string): number {
  return Object.entries(states)
    .filter(([name]) => name === state || name.startsWith(`${state}.`))
    .reduce((sum, [, count]) => sum + count, 0);
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

function countEnded(outcomes: LiveCounts["ledger"]["outcomes"]): number {
  const { clean, unacknowledged, forced, lost, crashed } = outcomes;
  return clean + unacknowledged + forced + lost + crashed;
}

/**
 * A bar on a terminal that is redrawn in place, below what is logged.
 *
 * @param hint - What else to say behind the figures, where there is room.
 */
export function createProgressBar(
  stream: OutputStream,
  hint = "",
): ProgressBar {
  let bars: cliProgress.MultiBar | undefined;
  let bar: cliProgress.SingleBar | undefined;
  const ticker = createTicker(BAR_INTERVAL_MS, (progress) => {
    bars ??= new cliProgress.MultiBar(barOptions(stream, hint));
    bar ??= bars.create(progress.total, progress.done, progress);
    bar.setTotal(progress.total);
    bar.update(progress.done, progress);
  });
  return {
    start: ticker.start,
    stop() {
      ticker.stop();
      bars?.stop();
      bars = bar = undefined;
    },
    write(line) {
      if (bars === undefined) {
        stream.write(line);
      } else {
        bars.log(line);
        // At once: the next line may be about a crash.
        bars.update();
      }
    },
  };
}

function barOptions(stream: OutputStream, hint: string): cliProgress.Options {
  return {
    stream,
    barsize: BAR_WIDTH,
    fps: 1000 / BAR_INTERVAL_MS,
    clearOnComplete: true,
    // A log line takes the bar's place, so that it has to be drawn again.
    forceRedraw: true,
    // Signals are the server's business: the second one must reach it.
    gracefulExit: false,
    // Cut to the terminal's width, without changing how it wraps.
    linewrap: true,
    format: (options, params, progress: Progress) => {
      const told = describeProgress(progress);
      const hinted = `${told}${hint}`;
      // The bar is worth more than the hint.
      const isRoomy = hinted.length + 1 + BAR_WIDTH <= params.maxWidth;
      const words = isRoomy ? hinted : told;
      const room = params.maxWidth - words.length - 1;
      const barsize = Math.max(0, Math.min(BAR_WIDTH, room));
      const bar = cliProgress.Format.BarFormat(params.progress, {
        ...options,
        barsize,
      });
      return `${bar} ${words}`.trimStart();
    },
  };
}

/** One log line a second, for where there is no terminal; none when nobody was connected. */
export function createProgressLog(logger: Logger): ProgressDisplay {
  return createTicker(LOG_INTERVAL_MS, (progress) => {
    if (progress.total === 0) return;
    logger.info({ progress }, describeProgress(progress));
  });
}

function createTicker(
  intervalMs: number,
  show: (progress: Progress) => void,
): ProgressDisplay {
  let timer: NodeJS.Timeout | undefined;
  return {
    start(stats) {
      if (timer !== undefined) return;
      const endedBefore = countEnded(stats().ledger.outcomes);
      const tick = (): void => show(measureProgress(stats(), endedBefore));
      timer = setInterval(tick, intervalMs);
      timer.unref();
      tick();
    },
    stop() {
      clearInterval(timer);
      timer = undefined;
    },
  };
}
