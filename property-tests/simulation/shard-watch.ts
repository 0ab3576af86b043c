import type { ConnectionEnd } from "../../src/handlers.ts";
import type { DrainPlan } from "../../src/protocol/messages.ts";
import {
  currentThread,
  type SimThread,
} from "../../src/testing/simulation/sim-thread.ts";
import type { LiveConnection } from "../../src/workers/connection/connection.ts";
import type { DrainId } from "../../src/workers/lifecycle/drains-under-way.ts";
import type { ShardContext } from "../../src/workers/shard-context.ts";
import {
  remember,
  unborn,
  type History,
} from "../machines/connection-history.ts";
import {
  connectionLaws,
  isConnectionLasting,
} from "../machines/connection-laws.ts";
import { delayNameOf } from "../machines/exploration.ts";
import { said } from "../machines/law.ts";
import { asMove } from "../machines/runner-move.ts";

const TICK_MS = 16;
/** A timer of the simulation may be late by so much. */
const LATE_TIMER_MS = 60;
/** A state that is entered at its deadline waits until the tick is over, and three may follow another. */
const LATE_MS = 4 * (TICK_MS + LATE_TIMER_MS);
/** The loop stands still: more than any callback takes. */
const STANDSTILL_MS = 1;
/** What a time that was worked out by way of another clock may be off by. */
const ROUNDING_MS = 0.01;
/** The rest would say the same. */
const MOST_BREACHES = 5;

type Observed = Parameters<ShardContext["inspection"]["observe"]>[1];

/** A drain of a shard, or its shutdown, as whoever has ordered it knows it. */
interface Order {
  readonly id: DrainId;
  /** Nobody is told by it any more. */
  isSpent: boolean;
  tellings: number;
  readonly told: Set<LiveConnection>;
  notified: number;
  drained: number;
}

/** What was seen of a life: of all shards, of one world. */
export class ShardWatch {
  readonly breaches: string[] = [];
  /** Moves of connections that were held against the laws, and moments at which all of a shard was looked at. */
  moves = 0;
  looks = 0;
  readonly histories = new Map<string, History>();
  readonly shards: WatchedShard[] = [];

  complain(shard: WatchedShard, what: string): void {
    if (this.breaches.length < MOST_BREACHES)
      this.breaches.push(`${shard.thread.name}: ${what}`);
  }

  /** What can be said once everything has come to its end. */
  conclude(): readonly string[] {
    for (const shard of this.shards) shard.conclude();
    return this.breaches;
  }
}

let current = new ShardWatch();

/** From now on shards belong to a life of their own. */
export function watchShards(): ShardWatch {
  current = new ShardWatch();
  return current;
}

/** The same class, each of whose instances is watched in the simulated thread that it is made in. */
export function watched(Real: typeof ShardContext): typeof ShardContext {
  return class extends Real {
    readonly #watched: WatchedShard | undefined;

    constructor(...given: ConstructorParameters<typeof ShardContext>) {
      super(...given);
      const thread = currentThread();
      if (thread !== undefined)
        this.#watched = new WatchedShard(this, thread, current);
    }

    override drainNotified(drain: DrainId, count: number): void {
      this.#watched?.notified(drain, count);
      super.drainNotified(drain, count);
    }

    override drained(drain: number): void {
      this.#watched?.drained(drain);
      super.drained(drain);
    }

    override reportEnded(connection: LiveConnection, end: ConnectionEnd): void {
      this.#watched?.ended(connection, end);
      super.reportEnded(connection, end);
    }
  };
}

/** A shard of a simulation, which is the real one: what it does is held against the laws of connections and of drains. */
class WatchedShard {
  readonly thread: SimThread;
  readonly #context: ShardContext;
  readonly #watch: ShardWatch;
  /** In force, by what main calls them. */
  readonly #orders = new Map<DrainId, Order>();
  readonly #allOrders: Order[] = [];
  readonly #deadlines = new Map<
    LiveConnection,
    { at: number; deadline: number }
  >();
  readonly #ends = new Map<number, number>();
  /** By which order whoever is told next is told. */
  #teller: Order | undefined;
  #stoodStillUntil = 0;
  /** Whose handshake was under way when a thread before this one died: abandoned, and nothing else. */
  readonly #diedUpgrading: number;

  constructor(context: ShardContext, thread: SimThread, watch: ShardWatch) {
    this.#context = context;
    this.#watch = watch;
    this.thread = thread;
    watch.shards.push(this);
    const { inspection, counters } = context;
    this.#diedUpgrading =
      counters.get("received") -
      counters.get("rejected") -
      counters.get("served") -
      counters.get("cut") -
      counters.get("probes") -
      counters.get("opened");
    Object.defineProperty(inspection, "isFollowing", {
      get: () => true,
      set: () => {},
    });
    const observe = inspection.observe.bind(inspection);
    inspection.observe = (connection, observed) => {
      this.#moved(connection, observed);
      observe(connection, observed);
    };
    this.#watchDrains();
    const look = (): void => {
      if (!thread.isDead) thread.enter(() => this.#look());
    };
    const step = thread.step.bind(thread);
    thread.step = () => {
      // What promises have set off since the last callback is done by now.
      look();
      step();
      look();
    };
    const { timeline } = thread;
    const threw = timeline.threw.bind(timeline);
    timeline.threw = (where, error) => {
      if (where === thread) this.#complain(`it dies of ${String(error)}`);
      threw(where, error);
    };
    const block = thread.block.bind(thread);
    thread.block = (ms) => {
      // Whoever blocks it from outside has another clock.
      if (ms > STANDSTILL_MS) this.#stoodStillUntil = thread.now + ms;
      block(ms);
    };
  }

  notified(id: DrainId, count: number): void {
    const order = this.#orders.get(id);
    if (order === undefined)
      return this.#complain(
        `${id} was told to nobody, and is said to have been`,
      );
    order.notified++;
    if (order.notified > 1)
      this.#complain(
        `drain ${id} says ${order.notified} times that it has told everyone`,
      );
    if (id === "shutdown") return undefined;
    order.isSpent = true;
    if (order.tellings !== count)
      this.#complain(
        `drain ${id} says that it has told ${count}, and it told ${order.tellings}`,
      );
    return undefined;
  }

  drained(id: number): void {
    const order = this.#orders.get(id);
    if (order === undefined)
      return this.#complain(`drain ${id} is over, and never began`);
    order.drained++;
    const { registry } = this.#context;
    const left = [...order.told].filter(
      (connection) => registry.get(connection.number) === connection,
    );
    if (order.notified === 0 || order.drained > 1 || left.length > 0)
      this.#complain(
        `drain ${id} is over for the ${order.drained}. time, has told everyone ${order.notified} times, and ${left.length} are left`,
      );
    return undefined;
  }

  ended(connection: LiveConnection, { outcome, code }: ConnectionEnd): void {
    const { number, closeStatus } = connection;
    const times = (this.#ends.get(number) ?? 0) + 1;
    this.#ends.set(number, times);
    const isSaid = outcome === "clean" || outcome === "unacknowledged";
    const due = isSaid ? closeStatus?.code : 1006;
    if (times > 1 || code !== due)
      this.#complain(
        `${connection.id} has ended ${times} times, ${outcome} with ${code}; due was ${due}`,
      );
  }

  /** What has come to its end: whoever was told to say so has said it. */
  conclude(): void {
    const { registry, drains } = this.#context;
    // With its thread, a shutdown ends what other drains were still about to tell.
    if (registry.size > 0 || drains.isShuttingDown) return;
    for (const { id, notified, drained } of this.#allOrders)
      if (id !== "shutdown" && drained !== 1)
        this.#complain(
          `drain ${id} was over ${drained} times, and has told everyone ${notified} times`,
        );
  }

  #complain(what: string): undefined {
    this.#watch.complain(this, what);
  }

  #watchDrains(): void {
    const { drains } = this.#context;
    const shutDown = drains.shutDown.bind(drains);
    let isMakingWay = false;
    drains.shutDown = (plan) => {
      // The one before makes way; the new one is not meant.
      isMakingWay = true;
      shutDown(this.#order("shutdown", plan));
    };
    const drain = drains.drain.bind(drains);
    drains.drain = (id, plan, isMeant) =>
      drain(id, this.#order(id, plan), isMeant);
    const callOff = drains.callOff.bind(drains);
    drains.callOff = (id) => {
      callOff(id);
      const order = isMakingWay ? undefined : this.#orders.get(id);
      isMakingWay = false;
      if (order !== undefined) order.isSpent = true;
    };
  }

  /** A plan that knows when it is looked at: somebody is told. */
  #order(id: DrainId, plan: DrainPlan): DrainPlan {
    // A shutdown makes way for the next one.
    const before = this.#orders.get(id);
    if (before !== undefined) before.isSpent = true;
    const order: Order = {
      id,
      isSpent: false,
      tellings: 0,
      told: new Set(),
      notified: 0,
      drained: 0,
    };
    this.#orders.set(id, order);
    this.#allOrders.push(order);
    const told = (): void => {
      order.tellings++;
      this.#teller = order;
      if (order.isSpent)
        this.#complain(
          `somebody is told by ${id}, which nobody is told by any more`,
        );
    };
    return {
      ...plan,
      get closeCode() {
        told();
        return plan.closeCode;
      },
    };
  }

  #moved(connection: LiveConnection, observed: Observed): void {
    const { event, source, target, actions } = observed;
    if (event === "shutdown.requested") {
      if (this.#teller === undefined)
        this.#complain(`${connection.id} is told to go by nobody`);
      this.#teller?.told.add(connection);
    }
    this.#teller = undefined;
    const key = `${this.thread.home?.lineage} ${connection.number}`;
    const before =
      source === undefined
        ? unborn
        : (this.#watch.histories.get(key) ?? unborn);
    const move = asMove(event, source, target, actions);
    const after = remember(before, move);
    this.#watch.histories.set(key, after);
    if (source === undefined) return;
    this.#checkTime(connection, event);
    this.#watch.moves++;
    const lived = { ...move, before, after };
    for (const { name, holds } of connectionLaws)
      if (!holds(lived))
        this.#complain(
          `${connection.id}, ${name}: ${move.source} · ${event} → ${target.name} [${said(lived)}]`,
        );
  }

  /** Nobody's time is up before it is. */
  #checkTime({ id, deadline }: LiveConnection, event: string): void {
    const delay = delayNameOf(event);
    const isOfDeadline =
      delay === "drainDeadline" || delay === "lingerDeadline";
    const leftMs = deadline - this.#context.clock.now();
    if (isOfDeadline && leftMs > ROUNDING_MS)
      this.#complain(
        `${id} ends by its ${delay}, ${leftMs} ms before its deadline`,
      );
  }

  /** Between two callbacks of its thread. */
  #look(): void {
    const { registry, runner, counters, clock } = this.#context;
    const now = clock.now();
    this.#watch.looks++;
    let waiting = 0;
    let upgrading = 0;
    for (const connection of registry) {
      const { state, deadline, closeStatus, move, mailbox, wheelNext, id } =
        connection;
      const isLasting = isConnectionLasting(state);
      if (!isLasting) waiting++;
      if (/^(upgrading|plain)/.test(state)) upgrading++;
      if ((wheelNext === null) !== isLasting)
        this.#complain(
          `${id} is ${state}, and ${isLasting ? "a" : "no"} delay is armed for it`,
        );
      if (mailbox !== null)
        this.#complain(`${id} has something left in its mailbox`);
      if ((move !== null) !== (state === "open.moving"))
        this.#complain(
          `${id} is ${state}, and has ${move === null ? "no" : "a"} move`,
        );
      const isStaying =
        connection.has("open") ||
        /^(upgrading\.handshaking|plain\.(receiving|answering|congested|idle))$/.test(
          state,
        );
      const isTold = closeStatus !== null;
      if (isStaying ? isTold || deadline !== Infinity : deadline === Infinity)
        this.#complain(
          `${id} is ${state}, by ${deadline}, and is ${isTold ? "" : "not "}told`,
        );
      this.#checkDeadline(connection, now);
    }
    if (runner.armedDelays !== waiting)
      this.#complain(
        `${runner.armedDelays} delays are armed for ${waiting} who wait`,
      );
    const get = (name: Parameters<typeof counters.get>[0]): number =>
      counters.get(name);
    const received =
      this.#diedUpgrading +
      upgrading +
      get("rejected") +
      get("served") +
      get("cut") +
      get("probes") +
      get("opened");
    if (get("received") !== received)
      this.#complain(
        `${get("received")} were received: ${upgrading} upgrading, ${get("rejected")} rejected, ${get("probes")} probes, ${get("opened")} opened`,
      );
    const over =
      get("clean") +
      get("unacknowledged") +
      get("forced") +
      get("lost") +
      get("crashed");
    const opened = counters.live + over + get("movedOut") - get("movedIn");
    if (get("opened") !== opened)
      this.#complain(
        `${get("opened")} were opened, and ${opened} are accounted for`,
      );
  }

  #checkDeadline(connection: LiveConnection, now: number): void {
    const { deadline, id, state } = connection;
    if (deadline === Infinity) return;
    let given = this.#deadlines.get(connection);
    if (given?.deadline !== deadline) {
      given = {
        at: given === undefined ? now : Math.min(given.at, now),
        deadline,
      };
      this.#deadlines.set(connection, given);
    }
    if (now > Math.max(given.at, deadline, this.#stoodStillUntil) + LATE_MS)
      this.#complain(
        `${id} is ${state} ${now - deadline} ms after its deadline`,
      );
  }
}
