import { subscribe, unsubscribe } from "node:diagnostics_channel";

import type { Config } from "../config.ts";
import { asDelay } from "../config/units.ts";
import { SluiceError } from "../errors.ts";
import { BoundedOutput } from "../protocol/bounded-output.ts";
import { channels } from "../protocol/channels.ts";
import type { ServeControl, ShutdownReport } from "../index.ts";
import { describeListenFailure, EXIT, statusOf } from "./failure.ts";
import { flush } from "./io.ts";
import type { Io } from "./io.ts";
import { logEvents } from "./log-events.ts";
import { createLogger, type Logger } from "./logger.ts";
import { createProgressBar, createProgressLog } from "./progress.ts";
import type { ProgressDisplay } from "./progress.ts";
import { describeProblems, renderReport, summarize } from "./print-report.ts";
import type { ServedServer } from "./served-server.ts";
import type { Settings, TalkSettings } from "./settings.ts";
import { attachSignals } from "./signals.ts";
import type { AttachedSignals, SignalActions } from "./signals.ts";
import { noTerminal } from "./terminal.ts";
import type { Terminal } from "./terminal.ts";

/** What the report allows a shutdown beyond its deadline. */
const GRACE_MS = 1_000;

/** Starts a server; `serve` of the library, unless a test brings its own. */
export type Serve = (
  config: Config,
  control: ServeControl,
) => Promise<ServedServer>;

/**
 * Serves from start to report.
 *
 * @returns The exit status: 0 when every connection is accounted for within the
 *   deadline, 1 when a thread was killed or something crashed, 2 for an option
 *   that the server refuses.
 */
export async function runServe(
  { config, talk, warnings }: Settings,
  io: Io,
  serve: Serve,
  terminal: Terminal = noTerminal,
): Promise<number> {
  const { logger, progress } = createVoice(talk, io);
  for (const warning of warnings) logger.warn(warning);
  let hasStarted = false;
  const stopLogging = logEvents(logger, () => hasStarted);
  const stop = new AbortController();
  const forced = Promise.withResolvers<string>();
  const signals = attachSignals(io, beforeServing(stop, forced.resolve), () =>
    terminal.hasHungUp(),
  );
  try {
    const start = serve(config, { signal: stop.signal });
    const server = await Promise.race([start, forced.promise]);
    if (typeof server === "string") return await endEarly(server, logger, io);
    hasStarted = true;
    const serving = whileServing(server, config, logger, signals);
    signals.redirect(serving);
    const stopFollowing = followShutdown(server, progress);
    logAddress(server, config, logger);
    try {
      const report = await server.terminated;
      progress.stop();
      const status = deliver(report, talk, io, logger);
      const impatience = Promise.withResolvers<false>();
      signals.redirect(whileWriting(serving, () => impatience.resolve(false)));
      const writing = flush(io, writingTime(report));
      const isWritten = await Promise.race([writing, impatience.promise]);
      signals.redirect(serving);
      if (!isWritten)
        logger.error(
          "not all that was printed could be written: nobody read on",
        );
      const own = isWritten ? status : EXIT.failed;
      return terminal.isWaitedFor
        ? Math.max(own, await outlive(server, logger))
        : own;
    } finally {
      stopFollowing();
      progress.stop();
    }
  } catch (error) {
    if (stop.signal.aborted && error === stop.signal.reason)
      return await endEarly(String(error), logger, io);
    logFailure(error, config, logger);
    await flush(io);
    return statusOf(error);
  } finally {
    stopLogging();
  }
}

/** The logger and the progress display share one stream, so that neither garbles the other. */
function createVoice(
  talk: TalkSettings,
  { stderr, env }: Io,
): { readonly logger: Logger; readonly progress: ProgressDisplay } {
  if (stderr.isTTY !== true || talk.log === "json") {
    const output = new BoundedOutput(stderr, (lines) =>
      logger.warn(
        { lines },
        `${lines} lines of this log were dropped: nobody read on`,
      ),
    );
    const logger = createLogger(talk, (line) => output.write(line), false);
    return { logger, progress: createProgressLog(logger) };
  }
  const bar = createProgressBar(stderr, "; Ctrl-C again forces the rest");
  const hasColors = (env["NO_COLOR"] ?? "") === "";
  return { logger: createLogger(talk, bar.write, hasColors), progress: bar };
}

function logAddress(
  { address: { host, port } }: ServedServer,
  { handlers, tlsKeyFile, workers }: Config,
  logger: Logger,
): void {
  const scheme = tlsKeyFile === undefined ? "ws" : "wss";
  const url = `${scheme}://${host.includes(":") ? `[${host}]` : host}:${port}`;
  logger.info({ url, workers }, `listening on ${url}`);
  if (handlers === undefined)
    logger.info(
      `no handlers given: ${url}/echo echoes, ${url}/chat/lobby is a chat`,
    );
}

/** A first signal ends the start, a second one does not wait for that. */
function beforeServing(
  starting: AbortController,
  force: (signal: string) => void,
): SignalActions {
  const nothing = (): void => undefined;
  return {
    stop: (signal) => starting.abort(signal),
    force,
    reload: nothing,
    upgrade: nothing,
  };
}

/** Nobody is connected yet: there is nothing to end gently. */
async function endEarly(
  signal: string,
  logger: Logger,
  io: Io,
): Promise<number> {
  logger.info({ signal }, `${signal} before the server was ready`);
  await flush(io);
  return EXIT.ok;
}

/**
 * Waits for the process that has taken over: a shell would take its terminal
 * back from a process that ends, and Ctrl-C would reach nobody.
 *
 * @returns its exit status; 0 where there is none
 */
async function outlive(
  { successor }: ServedServer,
  logger: Logger,
): Promise<number> {
  if (successor === undefined) return EXIT.ok;
  const { pid } = successor;
  logger.info(
    { successor: pid },
    `process ${pid} serves; this one stays for who has started it`,
  );
  return await successor.ended();
}

function whileServing(
  server: ServedServer,
  config: Config,
  logger: Logger,
  signals: AttachedSignals,
): SignalActions {
  return {
    stop(signal) {
      logger.info({ signal }, `${signal}: shutting down`);
      server.shutdown({ reason: signal }).catch((error: unknown) => {
        // Called off: the server goes on. A real failure also rejects
        // `terminated`, and is reported from there.
        logger.warn({ err: error }, "the shutdown did not complete");
        signals.forget();
      });
    },
    force(signal) {
      logger.warn({ signal }, `${signal} again: forcing what is left`);
      server.force();
    },
    // The library publishes how they went, and that is logged; a rejection
    // must not end the process on top.
    reload() {
      if (server.successor !== undefined)
        return server.successor.kill("SIGHUP");
      if (config.tlsKeyFile !== undefined)
        server.reloadTls().catch((error: unknown) => {
          logger.warn({ err: error }, "SIGHUP: no TLS files were reloaded");
        });
      server.reload().catch((error: unknown) => {
        logger.warn({ err: error }, "SIGHUP: the handlers were not reloaded");
      });
    },
    upgrade() {
      if (server.successor !== undefined)
        return server.successor.kill("SIGUSR2");
      server.upgrade().catch((error: unknown) => {
        logger.warn({ err: error }, "SIGUSR2: the process stays");
      });
    },
  };
}

/** The server has ended: whoever asks once more does not want to wait for a reader. */
function whileWriting(
  serving: SignalActions,
  giveUp: () => void,
): SignalActions {
  return { ...serving, stop: giveUp, force: giveUp };
}

/** Shows progress while the server is on its way down, whoever sent it there. */
function followShutdown(
  server: ServedServer,
  progress: ProgressDisplay,
): () => void {
  const follow = (message: unknown): void => {
    if (typeof message !== "object" || message === null) return;
    if (!("state" in message)) return;
    const { state } = message;
    if (state === "closing" || state === "draining") {
      progress.start(() => server.stats());
    } else {
      progress.stop();
    }
  };
  subscribe(channels.server, follow);
  return () => unsubscribe(channels.server, follow);
}

/** The report goes to stdout as its last line, or else into the log. */
function deliver(
  report: ShutdownReport,
  talk: TalkSettings,
  { stdout }: Io,
  logger: Logger,
): number {
  const problems = describeProblems(report);
  logger.info(talk.report === "none" ? { report } : {}, summarize(report));
  for (const problem of problems) logger.error(problem);
  switch (talk.report) {
    case "json":
      stdout.write(`${JSON.stringify(report)}\n`);
      break;
    case "text":
      stdout.write(`${renderReport(report)}\n`);
      break;
    case "none":
      break;
  }
  return problems.length === 0 ? EXIT.ok : EXIT.failed;
}

/** Of the deadline and its second of grace, what is left goes into writing, and no more: the reader may have stopped. */
function writingTime({ deadlineMs, durationMs }: ShutdownReport): number {
  return asDelay(Math.max(0, deadlineMs + GRACE_MS - durationMs));
}

function logFailure(error: unknown, config: Config, logger: Logger): void {
  const sentence = describeListenFailure(error, config);
  if (sentence !== undefined) {
    logger.fatal(sentence);
  } else if (error instanceof SluiceError) {
    const { code, message } = error;
    const cause = firstCause(error);
    logger.fatal({ code, ...(isOurs(cause) ? {} : { err: cause }) }, message);
  } else {
    logger.fatal({ err: error }, "the server failed");
  }
}

/** The error at the bottom: its stack is where the fault is, such as a line of the user's module. */
function firstCause(error: Error): Error {
  return error.cause instanceof Error ? firstCause(error.cause) : error;
}

/** Our own errors say all in their message; one that crossed the threads has kept its name in its stack alone. */
function isOurs({ stack = "" }: Error): boolean {
  return stack.startsWith("SluiceError");
}
