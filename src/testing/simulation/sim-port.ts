import { EventEmitter } from "node:events";
import type { Draws } from "./draws.ts";
import { currentThread, type SimThread } from "./sim-thread.ts";

/** How long a message between two threads is under way. */
const LATENCY_MS = { least: 0.01, greatest: 1.5 } as const;
/** And one that comes late. */
const LATE_MS = [2, 40] as const;

/**
 * An end of a channel between threads, as `MessagePort` is one: what is posted
 * is cloned, comes in order, and waits until somebody listens. It belongs to the
 * thread that listens to it.
 */
export class SimPort extends EventEmitter {
  readonly name: string;
  readonly #draws: Draws;
  /** The other end; set by {@link SimPort.pair}. */
  // oxlint-disable-next-line no-unused-private-class-members -- used through the class, which the rule does not see
  #other!: SimPort;
  #thread: SimThread | undefined;
  readonly #waiting: Posted[] = [];
  /** On their way here: what travels with them is lost with the thread. */
  readonly #underWay = new Set<Posted>();
  /** In order: nothing overtakes what was posted before. */
  #lastDue = 0;
  #isClosed = false;

  constructor(name: string, draws: Draws) {
    super();
    this.name = name;
    this.#draws = draws;
  }

  /** Two ends that belong together. */
  static pair(
    names: readonly [string, string],
    draws: Draws,
  ): { port1: SimPort; port2: SimPort } {
    const port1 = new SimPort(names[0], draws.of(names[0]));
    const port2 = new SimPort(names[1], draws.of(names[1]));
    port1.#other = port2;
    port2.#other = port1;
    return { port1, port2 };
  }

  /** Whose it is: who listens to it. */
  get thread(): SimThread | undefined {
    return this.#thread;
  }

  get isOpen(): boolean {
    return !this.#isClosed;
  }

  /** @throws DOMException `DataCloneError` for what cannot be cloned */
  postMessage(
    message: unknown,
    given: readonly object[] | { transfer?: readonly object[] } = [],
  ): void {
    const transfer = Array.isArray(given)
      ? given
      : ((given as { transfer?: readonly object[] }).transfer ?? []);
    const clone = cloneMessage(message, transfer);
    if (this.#isClosed) closeAll(transfer);
    else this.#other.#take({ message: clone, transfer });
  }

  override on(event: string, listener: (...given: never[]) => void): this {
    super.on(event, listener as (...given: unknown[]) => void);
    if (event === "message") this.#adopt();
    return this;
  }

  override once(event: string, listener: (...given: never[]) => void): this {
    super.once(event, listener as (...given: unknown[]) => void);
    if (event === "message") this.#adopt();
    return this;
  }

  /** What is posted from now on comes to the other end no earlier than in so long. */
  slowDown(ms: number): void {
    const { now } = this.#other.#thread ?? {};
    if (now !== undefined)
      this.#other.#lastDue = Math.max(this.#other.#lastDue, now + ms);
  }

  /** The other end closes behind what was posted before. */
  close(): void {
    if (this.#isClosed) return;
    this.#end();
    this.#other.#take(END);
  }

  /** Its thread has died: nothing of it runs any more, and the other end closes. */
  abandon(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#dropAll();
    this.#other.#take(END);
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  start(): void {
    this.#adopt();
  }

  #adopt(): void {
    this.#thread ??= currentThread();
    const waiting = this.#waiting.splice(0);
    for (const posted of waiting) this.#schedule(posted);
  }

  #take(posted: Posted): void {
    if (this.#isClosed) return closeAll(posted.transfer);
    if (this.#thread === undefined) this.#waiting.push(posted);
    else this.#schedule(posted);
    return undefined;
  }

  #schedule(posted: Posted): void {
    const thread = this.#thread as SimThread;
    const { least, greatest } = LATENCY_MS;
    const { rare } = thread.timeline;
    const isLate = rare.take(
      "a message comes late to another thread",
      this.#draws,
    );
    const due = Math.max(
      thread.now +
        this.#draws.between(least, greatest) +
        (isLate ? this.#draws.between(...LATE_MS) : 0),
      this.#lastDue,
    );
    this.#lastDue = due;
    this.#underWay.add(posted);
    const arrive = (): void => {
      this.#underWay.delete(posted);
      if (posted === END) this.#end();
      else if (!this.#isClosed) this.emit("message", posted.message);
      else closeAll(posted.transfer);
    };
    thread.fromOutside(arrive, due - thread.now, this);
  }

  #dropAll(): void {
    for (const { transfer } of [...this.#waiting, ...this.#underWay])
      closeAll(transfer);
    this.#waiting.length = 0;
    this.#underWay.clear();
  }

  #end(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#dropAll();
    this.emit("close");
  }
}

/** A message on its way, and what is handed over with it. */
interface Posted {
  readonly message: unknown;
  readonly transfer: readonly object[];
}

/** The other end is closed. */
const END: Posted = { message: undefined, transfer: [] };

/** What nobody can take any more is closed by the system. */
function closeAll(transfer: readonly object[]): void {
  for (const each of transfer)
    (each as { close?: () => void }).close?.call(each);
}

/** Stands for an object that is handed over instead of cloned. */
interface Slot {
  readonly sluiceSlot: number;
}

/**
 * Clones as `postMessage` does. What is in the transfer list is handed over as
 * it is.
 */
function cloneMessage(message: unknown, transfer: readonly object[]): unknown {
  if (transfer.length === 0) return structuredClone(message);
  for (const each of transfer) {
    const { isTransferable } = each as { isTransferable?: boolean };
    if (isTransferable === false)
      throw Object.assign(new Error("the handle cannot be transferred"), {
        code: "ERR_WORKER_HANDLE_NOT_TRANSFERABLE",
      });
  }
  const clone = fill(message, transfer);
  for (const each of transfer) (each as { leave?(): void }).leave?.();
  return clone;
}

function fill(message: unknown, transfer: readonly object[]): unknown {
  const slots = new Map(transfer.map((each, index) => [each, index]));
  const emptied = replace(message, (value) => {
    const slot = slots.get(value as object);
    return slot === undefined ? undefined : { sluiceSlot: slot };
  });
  return replace(structuredClone(emptied), (value) =>
    typeof value === "object" && value !== null && "sluiceSlot" in value
      ? transfer[(value as Slot).sluiceSlot]
      : undefined,
  );
}

/** Copies plain objects and lists, with other values in the place of some. */
function replace(value: unknown, other: (value: unknown) => unknown): unknown {
  const replaced = other(value);
  if (replaced !== undefined) return replaced;
  if (Array.isArray(value)) return value.map((each) => replace(each, other));
  if (typeof value !== "object" || value === null) return value;
  if (Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [key, replace(each, other)]),
  );
}
