import type { Config } from "../../config.ts";
import { CLOSE_CODE } from "../../rfc6455.ts";
import type { Rationed, Rationing } from "./rationing.ts";
import type { Clock } from "../lifecycle/timer-wheel.ts";

/** Whoever holds something is looked at so often in its shortest deadline. */
const LOOKS = 4;
const SHORTEST_LOOK_MS = 25;
const LONGEST_LOOK_MS = 1_000;

/** A connection that may hold memory beyond the tick. */
export interface Holder extends Rationed {
  readonly lifecycle: { readonly isFinal: boolean };
  /** A frame or a message that has come in part, and since when the peer has owed the rest. */
  readonly assembly: { since: number } | null;
  readonly isHeldBack: boolean;
  readonly writer: { readonly isStuck: boolean };
  /** Changes whenever the kernel takes something of what it did not take at once. */
  readonly progress: string;
  /** Read, waiting and unwritten bytes that it alone keeps. */
  readonly heldBytes: number;
  /** The same, as it was counted last. */
  countedBytes: number;
  has(tag: "open"): boolean;
  tell(event: "buffer.exceeded"): void;
  dismiss(code: number, reason: string): void;
}

/** Since when the kernel has taken nothing of what its peer is to read. */
interface Standstill {
  progress: string;
  since: number;
}

/**
 * What the connections of a shard hold in memory from one turn of the event
 * loop to the next, and for how long. Nearly all hold nothing, and cost nothing
 * here: only those that do are looked at.
 */
export class Holdings<Connection extends Holder> {
  readonly #config: Pick<Config, "messageDeadlineMs" | "congestionDeadlineMs">;
  readonly #clock: Clock;
  readonly #lookMs: number;
  readonly #rationing: Rationing<Connection>;
  /** What connections keep alive together. */
  readonly #pins: { readonly bytes: number };
  readonly #onTotal: (total: number) => void;
  readonly #holders = new Map<Connection, Standstill | undefined>();
  #total = 0;
  #timer: unknown;

  constructor(
    config: Pick<Config, "messageDeadlineMs" | "congestionDeadlineMs">,
    clock: Clock,
    parts: {
      rationing: Rationing<Connection>;
      pins: { readonly bytes: number };
      onTotal: (total: number) => void;
    },
  ) {
    this.#rationing = parts.rationing;
    this.#pins = parts.pins;
    this.#onTotal = parts.onTotal;
    this.#config = config;
    this.#clock = clock;
    const shortest = Math.min(
      config.messageDeadlineMs,
      config.congestionDeadlineMs,
    );
    this.#lookMs = Math.max(
      SHORTEST_LOOK_MS,
      Math.min(LONGEST_LOOK_MS, shortest / LOOKS),
    );
  }

  /** Of all connections. */
  get total(): number {
    return this.#total + this.#pins.bytes;
  }

  /** What a connection holds may have changed. */
  count(connection: Connection): void {
    if (connection.lifecycle.isFinal) return;
    const before = connection.countedBytes;
    const now = connection.heldBytes;
    if (now === before) return;
    connection.countedBytes = now;
    this.#total += now - before;
    if (now === 0) this.#forget(connection);
    else if (before === 0) this.#holders.set(connection, undefined);
    this.#changed();
    this.#schedule();
  }

  /** It has ended, and holds nothing any more. */
  release(connection: Connection): void {
    this.#total -= connection.countedBytes;
    connection.countedBytes = 0;
    this.#forget(connection);
    this.#changed();
  }

  #forget(connection: Connection): void {
    this.#holders.delete(connection);
    this.#rationing.forget(connection);
  }

  #changed(): void {
    const { total } = this;
    this.#onTotal(total);
    if (this.#rationing.changed(total)) this.#ration();
  }

  #ration(): void {
    this.#rationing.look(
      this.#holders.keys(),
      this.total,
      this.#clock.now(),
      this.#config.congestionDeadlineMs,
    );
  }

  stop(): void {
    this.#clock.clearTimeout(this.#timer);
  }

  #schedule(): void {
    if (this.#timer !== undefined || this.#holders.size === 0) return;
    this.#timer = this.#clock.setTimeout(() => {
      this.#timer = undefined;
      this.#look();
      this.#schedule();
    }, this.#lookMs);
  }

  #look(): void {
    const now = this.#clock.now();
    for (const [connection, standstill] of this.#holders) {
      // Whoever is on its way out has a deadline.
      if (!connection.has("open")) continue;
      this.#judgeMessage(connection, now);
      this.#judgeReader(connection, standstill, now);
    }
    this.#changed();
    this.#ration();
  }

  /** The rest of a message is owed, but not while we do not read. */
  #judgeMessage(connection: Connection, now: number): void {
    const { assembly, isHeldBack } = connection;
    if (assembly === null) return;
    // Whoever is not read from for want of memory has another deadline.
    if (isHeldBack) assembly.since = now;
    else if (now - assembly.since >= this.#config.messageDeadlineMs)
      connection.dismiss(
        CLOSE_CODE.policyViolation,
        "a message was not finished in time",
      );
  }

  /** Who reads nothing at all is congested, however little waits for it. */
  #judgeReader(
    connection: Connection,
    standstill: Standstill | undefined,
    now: number,
  ): void {
    const { progress, writer } = connection;
    if (!writer.isStuck) {
      if (standstill !== undefined) this.#holders.set(connection, undefined);
    } else if (standstill?.progress !== progress)
      this.#holders.set(connection, { progress, since: now });
    else if (now - standstill.since >= this.#config.congestionDeadlineMs)
      connection.tell("buffer.exceeded");
  }
}
