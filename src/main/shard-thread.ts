import { once } from "node:events";
import { MessageChannel, type MessagePort } from "node:worker_threads";
import { Piscina } from "piscina";
import { SluiceError } from "../errors.ts";
import { reviveForeign } from "../foreign-value.ts";
import {
  type MainMessage,
  type ShardFailure,
  type ShardMessage,
  type ShardTask,
  type ShardTotals,
  shardUrl,
} from "../protocol/messages.ts";

/** How a shard's thread ended. */
export interface ThreadEnd {
  /** Undefined when the thread ended by itself, as after a shutdown. */
  readonly error: unknown;
  readonly wasKilled: boolean;
}

/**
 * One thread with one long task in it: the shard. Its pool has no other
 * thread, so each shard starts in a fresh one and none inherits another's.
 */
export class ShardThread {
  readonly port: MessagePort;
  /** Resolves when the thread is gone for certain. */
  readonly ended: Promise<ThreadEnd>;
  /** It was let end: a shutdown cannot be called off for it. */
  isEnding = false;
  readonly #lastResort = new AbortController();

  constructor(
    task: Omit<ShardTask, "port">,
    onMessage: (message: ShardMessage) => void,
  ) {
    const { port1, port2 } = new MessageChannel();
    this.port = port1;
    port1.on("message", onMessage);
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
    const run = pool.run(
      { ...task, port: port2 },
      {
        // Piscina's types take the options of structuredClone for the list itself.
        transferList: [port2] as never,
        signal: this.#lastResort.signal,
      },
    );
    this.ended = this.#follow(run, pool, port2);
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

  async #follow(
    run: Promise<ShardTotals>,
    pool: Piscina<ShardTask, ShardTotals>,
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
    await pool.destroy();
    // Ended before it took its task, the thread never had the port.
    farPort.close();
    await closed;
    return { error, wasKilled: this.#lastResort.signal.aborted };
  }
}

function toError({ code, message, cause }: ShardFailure): SluiceError {
  return cause === undefined
    ? new SluiceError(code, message)
    : new SluiceError(code, message, { cause: reviveForeign(cause) });
}
