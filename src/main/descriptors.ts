import { closeSync, openSync, readFileSync } from "node:fs";
import { monotonicNow } from "../protocol/clock.ts";

/** For log, admin, files and a new process: these many descriptors are never a client's. */
const RESERVED = 64;
/** What one more thread takes, and a little more: a reload starts one for each shard beside the old. */
const RESERVED_PER_SHARD = 8;
/** At most this share of a limit is kept back, however low it is. */
const MAX_RESERVED_SHARE = 0.5;
/** Before the reserve begins, so many clients are refused properly, one after the other. */
const REFUSED_PROPERLY = 32;
const NEWS_EVERY_MS = 10_000;
/** While there is plenty, it is looked at once for so many sockets. */
const LOOK_EVERY = 8;

/** Whether a socket may stay: `scarce` is refused with an answer, `spent` is closed at once. */
export type Supply = "plenty" | "scarce" | "spent";

/**
 * The descriptors of the process. When none is left, no thread, file or process
 * can be started, and libuv closes what it accepts without a word. So clients
 * do not get the last ones. The system gives the lowest free number: that of a
 * file opened for a moment says how many are in use, whoever has them. (That of
 * an accepted socket does not: on its way to its thread it gets another.)
 */
export class Descriptors {
  /** So many the process may have; `Infinity` where that is not known. */
  readonly limit: number;
  /** Sockets that were refused for want of descriptors. */
  refused = 0;
  readonly #spentAt: number;
  readonly #onScarce: () => void;
  readonly #now: () => number;
  readonly #lowestFree: () => number;
  #supply: Supply = "plenty";
  #taken = 0;
  #toldAt = -Infinity;

  /** @param onScarce - Told that clients are refused, once in a while. */
  constructor(
    shards: number,
    onScarce: () => void,
    limit: number,
    now = monotonicNow,
    lowestFree = openForAMoment,
  ) {
    this.limit = limit;
    const wanted = RESERVED + RESERVED_PER_SHARD * shards;
    this.#spentAt = limit - Math.min(wanted, limit * MAX_RESERVED_SHARE);
    this.#onScarce = onScarce;
    this.#now = now;
    this.#lowestFree = lowestFree;
  }

  /** So many are for clients, with what the process itself has open by then. */
  get forClients(): number {
    return Math.max(0, this.#spentAt - REFUSED_PROPERLY);
  }

  /** Judges whether an accepted socket may stay, and counts it when it may not. */
  take(): Supply {
    if (this.#supply !== "plenty" || this.#taken++ % LOOK_EVERY === 0)
      this.#supply = this.#look();
    if (this.#supply === "plenty") return "plenty";
    this.refused++;
    if (this.#now() - this.#toldAt >= NEWS_EVERY_MS) {
      this.#toldAt = this.#now();
      this.#onScarce();
    }
    return this.#supply;
  }

  #look(): Supply {
    if (!Number.isFinite(this.limit)) return "plenty";
    const inUse = this.#lowestFree();
    if (inUse < this.forClients) return "plenty";
    return inUse < this.#spentAt ? "scarce" : "spent";
  }
}

function openForAMoment(): number {
  try {
    const descriptor = openSync("/dev/null", "r");
    closeSync(descriptor);
    return descriptor;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === "EMFILE" || code === "ENFILE" ? Infinity : 0;
  }
}

/** Node has raised the soft limit to the hard one at its start. */
export function readLimit(): number {
  try {
    const limits = readFileSync("/proc/self/limits", "utf8");
    const [, soft] = /^Max open files\s+(\d+)/m.exec(limits) ?? [];
    return soft === undefined ? Infinity : Number(soft);
  } catch {
    return Infinity;
  }
}
