import { asDelay } from "../../config/units.ts";
import { aside } from "../aside.ts";
import type {
  ConnectionSnapshot,
  MovingShardMessage,
  MovingConnection,
  MoveObstacle,
  MoveObstacles,
} from "../../protocol/handover-messages.ts";
import { monotonicNow } from "../../protocol/clock.ts";
import { timeUntil } from "../deadlines.ts";
import type { AddressLimits } from "../accept/address-limits.ts";
import type { Shard } from "../shards/shard.ts";

/** What moving a number of connections came to. */
export interface MoveReport {
  /** Connections that live elsewhere now. */
  moved: number;
  /** Those that stayed, by cause. */
  refused: MoveObstacles;
  /** Given away, and gone with a thread that died before they were its own. */
  crashed: number;
  durationMs: number;
}

/** Moves under way from one shard. */
export interface MoveUnderWay {
  readonly done: Promise<MoveReport>;
  /** Those who have not left stay. */
  callOff(): void;
}

/**
 * Takes a connection out of this process. Calls back once: `true` when it is
 * another's now; `false` when it has to go on living here, with its socket as
 * it was.
 */
export type Forwarder = (
  moving: MovingConnection,
  settled: (isTaken: boolean) => void,
) => void;

/** Where a shard's connections go: the shard for the next one, or out of the process. */
export type Destination =
  | { readonly kind: "shards"; choose(): Shard | undefined }
  | { readonly kind: "process"; forward: Forwarder };

interface Order {
  readonly from: Shard;
  readonly destination: Destination;
  readonly startedAt: number;
  readonly done: PromiseWithResolvers<MoveReport>;
  readonly report: MoveReport;
  /** Left, and not yet anyone's. */
  outstanding: number;
  /** The shard has said that no more will leave. */
  isSaid: boolean;
}

interface Transit {
  readonly from: Shard | undefined;
  readonly to: Shard;
  readonly order: Order | undefined;
}

/** A connection that waits in main until its shard has taken those before it. */
interface Waiting extends Transit {
  readonly moving: MovingConnection;
}

/** A shard is sent so many before it has taken the first: so many are lost with it if it hangs. */
const UNTAKEN = 8;

/** After the deadline of a move, for its shard to say so; one that is silent still stands still, and is waited for no longer. */
const SILENCE_MS = 500;

/** The shards as the relay needs them. */
export interface RelayHost {
  /** Those that may be given a connection when the one chosen cannot take it. */
  readonly shards: readonly Shard[];
  /** Of connections by address: one that moves is counted on the other shard from then on. */
  readonly limits: Pick<AddressLimits, "transfer">;
  /** The server is about to stop, or stops. */
  readonly isStopping: boolean;
}

/**
 * Carries connections from one shard to another, or out of the process and back.
 * A shard that has given one away waits for word that it has landed, so that
 * there is always a thread it can go back to.
 */
export class Relay {
  readonly #host: RelayHost;
  readonly #orders = new Map<number, Order>();
  readonly #transit = new Map<number, Transit>();
  /** How many of these each shard has not taken yet. */
  readonly #untaken = new Map<Shard, number>();
  #waiting: Waiting[] = [];
  #onLanded: PromiseWithResolvers<void> | undefined;
  #count = 0;
  /** Connections that came from another process, and that went to one. */
  movedIn = 0;
  movedOut = 0;
  /** Connections that came to main when no thread was left to take them. */
  dropped = 0;

  constructor(host: RelayHost) {
    this.#host = host;
  }

  /** Orders under way. */
  get orders(): number {
    return this.#orders.size;
  }

  /**
   * Starts to move connections of a shard.
   *
   * @param limit - At most so many.
   * @param deadline - Absolute, monotonic: what cannot move by then stays.
   */
  move(
    from: Shard,
    destination: Destination,
    deadline: number,
    limit = Infinity,
  ): MoveUnderWay {
    const id = ++this.#count;
    const done = Promise.withResolvers<MoveReport>();
    const order: Order = {
      from,
      destination,
      startedAt: performance.now(),
      done,
      report: { moved: 0, refused: {}, crashed: 0, durationMs: 0 },
      outstanding: 0,
      isSaid: false,
    };
    this.#orders.set(id, order);
    const callOff = (): void => {
      from.post({ type: "move-call-off", order: id });
      this.#takeBack((waiting) => waiting.order === order);
    };
    const timer = setTimeout(
      () => {
        callOff();
        this.#said(order, {});
      },
      asDelay(timeUntil(deadline, monotonicNow()) + SILENCE_MS),
    );
    aside(
      done.promise.then(() => {
        clearTimeout(timer);
        this.#orders.delete(id);
      }),
      "booking a move",
    );
    if (from.state.startsWith("serving"))
      from.post({ type: "move", order: id, limit, deadline });
    else this.#said(order, {});
    return { done: done.promise, callOff };
  }

  take(shard: Shard, message: MovingShardMessage): void {
    switch (message.type) {
      case "moved-out":
        return this.#movedOut(shard, message);
      case "moved-in":
        return this.#movedIn(message.number);
      case "moved": {
        const order = this.#orders.get(message.order);
        if (order !== undefined) this.#said(order, message.refused);
        return undefined;
      }
    }
  }

  /** A connection comes from another process, or back from it: it lives on a shard of this one. */
  adopt(moving: MovingConnection, choose: () => Shard | undefined): void {
    this.movedIn++;
    this.#deliver(moving, undefined, choose(), undefined);
  }

  /** Resolves when whoever has come from another process lives on a shard, or nowhere. */
  async landed(): Promise<void> {
    if (!this.#hasArrivals) return;
    this.#onLanded ??= Promise.withResolvers();
    await this.#onLanded.promise;
  }

  get #hasArrivals(): boolean {
    return [...this.#waiting, ...this.#transit.values()].some(
      ({ from }) => from === undefined,
    );
  }

  /** The shard's thread is gone: what was on its way to it is booked as crashed with it, and nothing more comes from it. */
  forget(shard: Shard): void {
    this.#untaken.delete(shard);
    for (const [number, transit] of this.#transit) {
      if (transit.to !== shard) continue;
      this.#transit.delete(number);
      if (transit.order !== undefined) transit.order.report.crashed++;
      this.#landed(number, transit.from, transit.order);
    }
    this.#takeBack(({ to }) => to === shard, shard);
    for (const order of this.#orders.values())
      if (order.from === shard) this.#said(order, {});
  }

  /**
   * The server begins to stop: who waits here goes to the shards before they
   * hear of it. They tell everyone and end, and nobody would be left to go to.
   */
  flush(): void {
    for (const { moving, from, to, order } of this.#waiting.splice(0))
      this.#deliver(moving, from, to, order);
  }

  /** The server has ended: what has not landed by now does not, and nobody waits for it. */
  stop(): void {
    for (const order of this.#orders.values()) this.#finish(order);
  }

  /**
   * Those that wait for a shard in vain go back to where they came from.
   *
   * @param gone - Takes nothing any more, whatever its state says.
   */
  #takeBack(isVain: (waiting: Waiting) => boolean, gone?: Shard): void {
    const vain = this.#waiting.filter(isVain);
    this.#waiting = this.#waiting.filter((each) => !vain.includes(each));
    for (const { moving, from, order } of vain)
      this.#deliver(moving, from, from, order, gone);
  }

  #movedOut(
    from: Shard,
    message: Extract<MovingShardMessage, { type: "moved-out" }>,
  ): void {
    from.counters.add("collected");
    const { snapshot, handle } = message;
    const order = this.#orders.get(message.order);
    if (order !== undefined) order.outstanding++;
    const destination = order?.destination;
    if (destination?.kind !== "process")
      return this.#deliver(
        { snapshot, handle },
        from,
        destination?.choose() ?? from,
        order,
      );
    return destination.forward({ snapshot, handle }, (isTaken) => {
      if (!isTaken)
        return this.#deliver({ snapshot, handle }, from, from, order);
      this.movedOut++;
      if (order !== undefined) order.report.moved++;
      if (snapshot.isAdmitted)
        this.#transferAdmission(snapshot, from, undefined);
      return this.#landed(snapshot.number, from, order);
    });
  }

  #deliver(
    moving: MovingConnection,
    from: Shard | undefined,
    wanted: Shard | undefined,
    order: Order | undefined,
    gone?: Shard,
  ): void {
    const { snapshot } = moving;
    const serving = [wanted, ...this.#host.shards].filter(
      (shard) => shard !== gone && shard?.state.startsWith("serving"),
    );
    // Whom it came from waits for word of it, also while it closes.
    const last = from?.isAlive === true && from !== gone ? from : undefined;
    const to =
      serving[0] !== undefined && serving[0] === wanted
        ? wanted
        : (last ?? serving[0] ?? this.#host.shards.find(tellsNewcomers));
    if (to === undefined) {
      this.dropped++;
      aside(moving.handle?.close(), "closing a socket");
      return this.#landed(snapshot.number, from, order);
    }
    const untaken = this.#untaken.get(to) ?? 0;
    if (untaken >= UNTAKEN && to !== from && !this.#host.isStopping) {
      this.#waiting.push({ moving, from, to, order });
      return undefined;
    }
    this.#untaken.set(to, untaken + 1);
    if (snapshot.isAdmitted && to !== from)
      this.#transferAdmission(snapshot, from, to);
    this.#transit.set(snapshot.number, { from, to, order });
    return to.deliver(moving);
  }

  #transferAdmission(
    { remoteAddress }: ConnectionSnapshot,
    from: Shard | undefined,
    to: Shard | undefined,
  ): void {
    this.#host.limits.transfer(remoteAddress, from?.index, to?.index);
  }

  /** A shard has taken one: the next may be sent. */
  #taken(shard: Shard): void {
    this.#untaken.set(shard, (this.#untaken.get(shard) ?? 1) - 1);
    const at = this.#waiting.findIndex(({ to }) => to === shard);
    const [next] = at === -1 ? [] : this.#waiting.splice(at, 1);
    if (next !== undefined)
      this.#deliver(next.moving, next.from, shard, next.order);
  }

  #movedIn(number: number): void {
    const transit = this.#transit.get(number);
    if (transit === undefined) return;
    this.#transit.delete(number);
    const { from, to, order } = transit;
    if (order !== undefined && to !== from) order.report.moved++;
    this.#landed(number, from, order);
    this.#taken(to);
  }

  #landed(
    number: number,
    from: Shard | undefined,
    order: Order | undefined,
  ): void {
    from?.post({ type: "landed", number });
    if (this.#onLanded !== undefined && !this.#hasArrivals)
      this.#onLanded.resolve();
    if (order === undefined) return;
    order.outstanding--;
    this.#finishIfDone(order);
  }

  #said(order: Order, refused: MoveObstacles): void {
    if (order.isSaid) return;
    order.isSaid = true;
    Object.assign(order.report.refused, refused);
    this.#finishIfDone(order);
  }

  #finishIfDone(order: Order): void {
    if (order.isSaid && order.outstanding <= 0) this.#finish(order);
  }

  #finish(order: Order): void {
    order.report.durationMs = performance.now() - order.startedAt;
    order.done.resolve(order.report);
  }
}

/** What comes to it now is told to go with the others. */
function tellsNewcomers({ isClosing, isEnding }: Shard): boolean {
  return isClosing && !isEnding;
}

/** What several moves came to together. */
export function addReports(
  reports: readonly MoveReport[],
): Omit<MoveReport, "durationMs"> {
  const refused: MoveObstacles = {};
  for (const report of reports)
    for (const [cause, count] of Object.entries(report.refused))
      refused[cause as MoveObstacle] =
        (refused[cause as MoveObstacle] ?? 0) + count;
  return {
    moved: reports.reduce((sum, { moved }) => sum + moved, 0),
    crashed: reports.reduce((sum, { crashed }) => sum + crashed, 0),
    refused,
  };
}

/** What rounds of moves came to, in which whoever stays behind is asked again: refused is who the last one refused. */
export function addRounds(
  rounds: readonly (readonly MoveReport[])[],
): Omit<MoveReport, "durationMs"> {
  const { refused } = addReports(rounds.at(-1) ?? []);
  return { ...addReports(rounds.flat()), refused };
}

/** Whether connections that could move have come to the shard since those that are refused were asked. */
export function hasMore(
  { counters }: Pick<Shard, "counters">,
  { refused }: MoveReport,
): boolean {
  const asked = Object.values(refused).reduce((sum, count) => sum + count, 0);
  return counters.open > asked;
}
