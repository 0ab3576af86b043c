import { constants, deflateRaw, inflateRaw } from "node:zlib";
import { CLOSE_CODE } from "../../rfc6455.ts";
import type { Inflated } from "./compression.ts";
import { messageMemory } from "./message-memory.ts";
import {
  deflateContext,
  inflateContext,
  type ZlibContext,
} from "./zlib-context.ts";

/** Up to here it takes less time to compress a message here than to have another thread do it: some 0.2 ms. */
export const AT_ONCE_BYTES = 16 * 1024;
/** What is inflated at once is of this size at most. */
const INFLATED_AT_ONCE_BYTES = 64 * 1024;
/** As many as Node has threads for it, unless told otherwise. */
const JOBS_AT_ONCE = 4;
/** What a sender takes off behind each message, and a receiver puts back (RFC 7692, 7.2.1). */
const TAIL = Buffer.from([0x00, 0x00, 0xff, 0xff]);

const finishFlush = constants.Z_SYNC_FLUSH;

/** Takes back a job, if it has not begun. */
export type Cancel = () => void;

/**
 * The zlib contexts of one thread, for all connections that keep none between
 * two messages. Small messages take one of its contexts, here and at once, so
 * that no connection ever holds it; large ones are given to Node's threads, a
 * few at a time, each with a context of its own, which goes with it.
 */
export class DeflatePool {
  readonly #maxPayloadBytes: number;
  /** By window: seven there may be. */
  readonly #deflaters = new Map<number, ZlibContext>();
  #inflater: ZlibContext | null = null;
  #scratch: Buffer | null = null;
  readonly #waiting = new Set<() => void>();
  #running = 0;
  #turn = 0;
  #isTurning = false;

  constructor(maxPayloadBytes: number) {
    this.#maxPayloadBytes = maxPayloadBytes;
  }

  /** Another number in each turn of the event loop. */
  get turn(): number {
    if (!this.#isTurning) {
      this.#isTurning = true;
      setImmediate(() => {
        this.#isTurning = false;
        this.#turn++;
      });
    }
    return this.#turn;
  }

  /**
   * @param data - Up to {@link AT_ONCE_BYTES}.
   * @returns memory that the next call overwrites; `undefined` where it cannot be done
   */
  deflateNow(data: Uint8Array, windowBits: number): Buffer | undefined {
    let context = this.#deflaters.get(windowBits);
    if (context === undefined) {
      context = deflateContext(windowBits);
      this.#deflaters.set(windowBits, context);
    }
    const into = this.#output;
    const length = context.run(data, into);
    if (length !== undefined && length < into.length)
      return into.subarray(0, length - TAIL.length);
    context.close();
    this.#deflaters.delete(windowBits);
    return undefined;
  }

  /**
   * @param data - Up to {@link AT_ONCE_BYTES}.
   * @returns the message or what is wrong with it; `undefined` where it is too long for now
   */
  inflateNow(data: Uint8Array): Inflated | undefined {
    const input = this.#input.subarray(0, data.length + TAIL.length);
    input.set(data);
    input.set(TAIL, data.length);
    const into = this.#output;
    this.#inflater ??= inflateContext();
    const length = this.#inflater.run(input, into);
    if (length === undefined) {
      // What has met broken data is not used for anybody else's.
      this.#inflater.close();
      this.#inflater = null;
      return CLOSE_CODE.invalidPayload;
    }
    if (length > this.#maxPayloadBytes) return CLOSE_CODE.messageTooBig;
    if (length === into.length) return undefined;
    const message = messageMemory.take(length);
    message.set(into.subarray(0, length));
    return message;
  }

  /** @param done - Gets nothing where it cannot be done. */
  deflateLater(
    data: Uint8Array,
    windowBits: number,
    done: (deflated: Buffer | undefined) => void,
  ): Cancel {
    return this.#queue((over) => {
      deflateRaw(data, { windowBits, finishFlush }, (error, deflated) => {
        over();
        done(error === null ? deflated.subarray(0, -TAIL.length) : undefined);
      });
    });
  }

  inflateLater(data: Uint8Array, done: (inflated: Inflated) => void): Cancel {
    return this.#queue((over) => {
      const options = { finishFlush, maxOutputLength: this.#maxPayloadBytes };
      inflateRaw(Buffer.concat([data, TAIL]), options, (error, message) => {
        over();
        done(error === null ? message : closeCodeOf(error));
      });
    });
  }

  get #output(): Buffer {
    return this.#memory.subarray(0, INFLATED_AT_ONCE_BYTES);
  }

  get #input(): Buffer {
    return this.#memory.subarray(INFLATED_AT_ONCE_BYTES);
  }

  get #memory(): Buffer {
    return (this.#scratch ??= Buffer.allocUnsafeSlow(
      INFLATED_AT_ONCE_BYTES + AT_ONCE_BYTES + TAIL.length,
    ));
  }

  #queue(job: (over: () => void) => void): Cancel {
    const start = (): void => job(this.#over);
    if (this.#running < JOBS_AT_ONCE) {
      this.#running++;
      start();
    } else this.#waiting.add(start);
    return () => this.#waiting.delete(start);
  }

  readonly #over = (): void => {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#running--;
      return;
    }
    this.#waiting.delete(next);
    next();
  };
}

function closeCodeOf({ code }: NodeJS.ErrnoException): number {
  return code === "ERR_BUFFER_TOO_LARGE"
    ? CLOSE_CODE.messageTooBig
    : CLOSE_CODE.invalidPayload;
}
