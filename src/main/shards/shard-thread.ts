import { once } from "node:events";
import {
  MessageChannel,
  type MessagePort,
  type Worker,
} from "node:worker_threads";
import { Piscina } from "piscina";
import { SluiceError } from "../../errors.ts";
import { reviveForeign } from "../../foreign-value.ts";
import {
  type MainMessage,
  type ShardFailure,
  type ShardMessage,
  type ShardTask,
  type ShardTotals,
  shardUrl,
} from "../../protocol/messages.ts";
import { rememberThread, type RunningThread } from "../../protocol/threads.ts";
import type { ShardThread, ThreadEnd } from "../main-surroundings.ts";
import { type DroppedLines, ThreadOutput } from "../thread-output.ts";
import { hearShard } from "./read-shard-message.ts";
import { leaveRemovedFolder } from "../../working-folder.ts";

/**
 * One thread with one long task in it: the shard. Its pool has no other
 * thread, so each shard starts in a fresh one and none inherits another's.
 */
export class PiscinaThread implements ShardThread, RunningThread {
  readonly port: MessagePort;
  /** Resolves when the thread is gone for certain, or was given up. */
  readonly ended: Promise<ThreadEnd>;
  /** Resolves when the thread is gone. */
  readonly gone: Promise<unknown>;
  /** How it ended, once it has. */
  end: ThreadEnd | undefined;
  /** It was let end: a shutdown cannot be called off for it. */
  isEnding = false;
  readonly #lastResort = new AbortController();
  readonly #givenUp = Promise.withResolvers<ThreadEnd>();
  #output: ThreadOutput | undefined;

  constructor(
    task: Omit<ShardTask, "port">,
    onMessage: (message: ShardMessage) => void,
    onDropped: (dropped: DroppedLines) => void,
    onMalformed: (what: string) => void,
  ) {
    leaveRemovedFolder();
    const { port1, port2 } = new MessageChannel();
    this.port = port1;
    hearShard(port1, onMessage, onMalformed);
    const { workerHeapMb } = task.config;
    const pool = new Piscina<ShardTask, ShardTotals>({
      filename: shardUrl.href,
      minThreads: 0,
      maxThreads: 1,
      idleTimeout: Infinity,
      // Otherwise Piscina stops the event loop of a thread whose task awaits.
      atomics: "disabled",
      ...(workerHeapMb > 0 && {
        resourceLimits: { maxOldGenerationSizeMb: workerHeapMb },
      }),
    });
    // A fault outside the task, such as in the thread's start, ends the task as well.
    pool.on("error", () => {});
    const run = start(pool, task, port2, this.#lastResort.signal);
    const [worker] = pool.threads;
    if (worker !== undefined)
      this.#output = new ThreadOutput(worker, process, onDropped);
    this.gone = worker === undefined ? run.catch(() => {}) : exitOf(worker);
    this.ended = Promise.race([
      // Where there is no thread, the pool still has the task, and would reject
      // a promise that nobody holds: that ends the process.
      this.#follow(run, worker === undefined ? undefined : pool, port2),
      this.#givenUp.promise,
    ]);
    rememberThread(this);
  }

  get isGivenUp(): boolean {
    return this.end?.isStuck === true;
  }

  /** It was told to end, and need not have heard it yet. */
  get wasKilled(): boolean {
    return this.#lastResort.signal.aborted;
  }

  post(message: MainMessage, transfer: MessagePort[] = []): void {
    this.port.postMessage(message, transfer);
  }

  /** Lets the thread end, as it has asked to: nothing is given to it any more. */
  letEnd(): void {
    this.isEnding = true;
    this.post({ type: "end" });
  }

  /** The last resort: ends the thread, whatever it does. */
  kill(): void {
    this.#lastResort.abort();
  }

  /**
   * Waits no longer for a thread that was killed and did not end, since it is
   * inside a native call. It runs none of our code any more: Node ends it when
   * the call returns.
   */
  giveUp(): ThreadEnd {
    this.kill();
    this.port.close();
    this.#output?.stop();
    this.end = { error: undefined, wasKilled: true, isStuck: true };
    this.#givenUp.resolve(this.end);
    return this.end;
  }

  async #follow(
    run: Promise<ShardTotals>,
    pool: Piscina<ShardTask, ShardTotals> | undefined,
    farPort: MessagePort,
  ): Promise<ThreadEnd> {
    // The other end of the port closes with the thread: only then does nobody count any more.
    const closed = once(this.port, "close");
    let error: unknown;
    try {
      const { failure } = await run;
      if (failure !== undefined) error = toError(failure);
    } catch (cause) {
      // Whoever throws nothing has ended the thread as well.
      error = cause ?? new Error(`thrown: ${String(cause)}`);
    }
    await pool?.destroy();
    await this.gone;
    // Ended before it took its task, the thread never had the port.
    farPort.close();
    await closed;
    await this.#output?.passedOn;
    this.end ??= { error, wasKilled: this.wasKilled, isStuck: false };
    return this.end;
  }
}

/** Begins the task in a thread of its own. Where there is no room for one more, it rejects. */
async function start(
  pool: Piscina<ShardTask, ShardTotals>,
  task: Omit<ShardTask, "port">,
  port: MessagePort,
  signal: AbortSignal,
): Promise<ShardTotals> {
  // Piscina's types take the options of structuredClone for the list itself.
  const transferList = [port] as never;
  return await pool.run({ ...task, port }, { transferList, signal });
}

function exitOf(worker: Worker): Promise<void> {
  return new Promise((resolve) => {
    worker.once("exit", () => resolve());
  });
}

function toError({ code, message, cause }: ShardFailure): SluiceError {
  return cause === undefined
    ? new SluiceError(code, message)
    : new SluiceError(code, message, { cause: reviveForeign(cause) });
}
