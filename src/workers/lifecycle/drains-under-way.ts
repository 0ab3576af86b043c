import type { DrainPlan } from "../../protocol/messages.ts";
import type { ManagedConnection } from "./managed-connection.ts";
import { ShardDrain } from "./shard-drain.ts";
import type { Clock } from "./timer-wheel.ts";

/** The shutdown is a drain of everyone; others have a number. */
export type DrainId = number | "shutdown";

/** What drains ask of their shard. */
export interface DrainsHost<Connection> {
  readonly clock: Clock;
  readonly registry: Iterable<Connection>;
  /** Everyone whom the drain is aimed at has been told. */
  drainNotified(drain: DrainId, count: number): void;
  /** Everyone told by the drain has ended. */
  drained(drain: number): void;
}

/** Whom a shard tells to go, and who of them has gone: its shutdown, and drains of some. */
export class DrainsUnderWay<Connection extends ManagedConnection> {
  readonly #host: DrainsHost<Connection>;
  /** Those in force, by what main calls them. */
  readonly #inForce = new Map<DrainId, ShardDrain>();
  /** Those that wait for someone to end, also when they were called off. */
  readonly #waiting = new Set<ShardDrain>();

  constructor(host: DrainsHost<Connection>) {
    this.#host = host;
  }

  get isShuttingDown(): boolean {
    return this.#inForce.has("shutdown");
  }

  /** How many wait for someone to end. */
  get size(): number {
    return this.#waiting.size;
  }

  /** Everyone has to go; a shutdown before this one makes way. */
  shutDown(plan: DrainPlan): void {
    this.callOff("shutdown");
    const open: Connection[] = [];
    const others: Connection[] = [];
    for (const connection of this.#host.registry)
      (connection.has("open") ? open : others).push(connection);
    const drain = this.#begin("shutdown", open, plan);
    // What is still upgrading is refused, what is closing gets the deadline: at once.
    for (const connection of others) drain.tell(connection, 0);
  }

  /** Those have to go who are open and meant. */
  drain(
    id: number,
    plan: DrainPlan,
    isMeant: (connection: Connection) => boolean,
  ): void {
    const targets: Connection[] = [];
    for (const connection of this.#host.registry)
      if (connection.has("open") && isMeant(connection))
        targets.push(connection);
    this.#begin(id, targets, plan);
  }

  /** Those not yet told stay. */
  callOff(id: DrainId): void {
    const drain = this.#inForce.get(id);
    this.#inForce.delete(id);
    drain?.callOff();
  }

  /** A connection has come that no shutdown could tell before. */
  arrived(connection: Connection): void {
    this.#inForce.get("shutdown")?.tellLate(connection);
  }

  /** A connection has ended, whoever told it. */
  ended(connection: Connection): void {
    for (const drain of this.#waiting) drain.ended(connection);
  }

  /** Nobody has any time left. */
  force(): void {
    // Those whose turn had not come yet get their time to come back as well.
    this.#inForce.get("shutdown")?.hurry();
    const now = this.#host.clock.now();
    for (const connection of [...this.#host.registry]) {
      connection.limitDeadline(now);
      connection.tell("deadline.reached");
    }
  }

  #begin(
    id: DrainId,
    targets: readonly Connection[],
    plan: DrainPlan,
  ): ShardDrain {
    const drain = new ShardDrain({
      clock: this.#host.clock,
      plan,
      targets,
      onNotified: (count) => {
        // A shutdown that was called off, or has made way for another, has told nobody's last.
        const isSuperseded =
          id === "shutdown" && this.#inForce.get(id) !== drain;
        if (!isSuperseded) this.#host.drainNotified(id, count);
      },
      onDrained: () => {
        this.#waiting.delete(drain);
        if (id === "shutdown") return;
        this.#inForce.delete(id);
        this.#host.drained(id);
      },
    });
    this.#inForce.set(id, drain);
    this.#waiting.add(drain);
    drain.start();
    return drain;
  }
}
