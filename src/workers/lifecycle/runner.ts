import type {
  NamedAction,
  Step,
  TableState,
  TransitionTable,
} from "../../machines/transition-table.ts";
import { type Clock, TimerWheel, type WheelEntry } from "./timer-wheel.ts";

/** What a runner keeps on each thing whose life it runs: no object of its own. */
export interface LifecycleHost<EventType extends string> extends WheelEntry {
  lifecycle: TableState;
  /** When the current state was entered, in the clock's milliseconds. */
  enteredAt: number;
  /** Events sent while an action runs; null while none does. */
  mailbox: EventType[] | null;
}

/** Marks a host whose action runs and to which nothing was sent meanwhile. */
const BUSY: never[] = [];

type Verb<Host> = (host: Host, params: unknown) => void;

export type ActionTable<Host> = Readonly<
  Record<string, (host: Host, params: never) => void>
>;

export type DelayTable<Host> = Readonly<Record<string, (host: Host) => number>>;

/** Told of every transition; edges and states by the numbers of the table. */
export type TransitionObserver<Host> = (
  host: Host,
  event: string,
  source: TableState | undefined,
  target: TableState,
  edge: number,
  spentMs: number,
  actions: readonly NamedAction[],
) => void;

/**
 * Runs one finite machine for very many hosts, as `createActor` would, at the
 * price of a table look-up: an event's answer is the next state, actions in
 * order, and the delay to arm. Events sent while an action runs wait in the
 * host's mailbox, as an actor's do.
 */
export class LifecycleRunner<
  EventType extends string,
  Host extends LifecycleHost<EventType>,
> {
  readonly #table: TransitionTable;
  readonly #actions: ActionTable<Host>;
  /** The actions of each edge, by its number. */
  readonly #verbs: (readonly Verb<Host>[] | undefined)[] = [];
  readonly #delays: DelayTable<Host>;
  readonly #observe: TransitionObserver<Host>;
  readonly #clock: Clock;
  readonly #wheel: TimerWheel<Host>;

  constructor(options: {
    table: TransitionTable;
    actions: ActionTable<Host>;
    /** Milliseconds of a named delay, asked when it is armed. */
    delays: DelayTable<Host>;
    observe: TransitionObserver<Host>;
    clock: Clock;
    wheel?: { tickMs: number; slots: number };
  }) {
    this.#table = options.table;
    this.#actions = options.actions;
    this.#delays = options.delays;
    this.#observe = options.observe;
    this.#clock = options.clock;
    this.#wheel = new TimerWheel<Host>(
      options.clock,
      (host) => this.#take(host, host.lifecycle.delayEvent as string),
      options.wheel,
    );
  }

  /** How many delays are armed. */
  get armedDelays(): number {
    return this.#wheel.size;
  }

  /** Enters the initial state. */
  start(host: Host): void {
    const { target, actions, delay, edge } = this.#table.initial;
    host.lifecycle = target;
    host.enteredAt = this.#clock.now();
    this.#observe(host, "xstate.init", undefined, target, edge, 0, actions);
    host.mailbox = BUSY;
    this.#run(host, this.#table.initial);
    if (delay !== undefined) this.#arm(host, delay);
    this.#drainMailbox(host);
  }

  /**
   * Takes over a host whose machine was left elsewhere in this state. No delay is
   * armed: the next event, which leads out of the state, follows at once.
   */
  goOn(host: Host, state: TableState): void {
    host.lifecycle = state;
    host.enteredAt = this.#clock.now();
  }

  /** Lets go of a host whose machine goes on elsewhere; it takes no event any more. */
  leave(host: Host, husk: TableState): void {
    this.#wheel.cancel(host);
    host.lifecycle = husk;
  }

  /** Sends a fact to the machine; one that means nothing in its state is ignored. */
  send(host: Host, event: EventType): void {
    this.#take(host, event);
  }

  #take(host: Host, event: string): void {
    if (host.mailbox !== null) {
      if (host.mailbox === BUSY) host.mailbox = [event as EventType];
      else host.mailbox.push(event as EventType);
      return;
    }
    if (!host.lifecycle.steps.has(event)) return;
    host.mailbox = BUSY;
    this.#step(host, event);
    this.#drainMailbox(host);
  }

  #drainMailbox(host: Host): void {
    let sent = host.mailbox as EventType[];
    while (sent !== BUSY) {
      host.mailbox = BUSY;
      // What an action sends goes behind what was sent before it.
      for (const event of sent) this.#step(host, event);
      sent = host.mailbox;
    }
    host.mailbox = null;
  }

  #step(host: Host, event: string): void {
    const source = host.lifecycle;
    const step = source.steps.get(event);
    if (step === undefined) return;
    const now = this.#clock.now();
    const spentMs = now - host.enteredAt;
    if (step.cancelsDelay) this.#wheel.cancel(host);
    host.lifecycle = step.target;
    host.enteredAt = now;
    this.#observe(
      host,
      event,
      source,
      step.target,
      step.edge,
      spentMs,
      step.actions,
    );
    this.#run(host, step);
    if (step.delay !== undefined) this.#arm(host, step.delay);
  }

  #run(host: Host, { edge, actions }: Step): void {
    const verbs = (this.#verbs[edge] ??= this.#bind(actions));
    for (let i = 0; i < verbs.length; i++)
      (verbs[i] as Verb<Host>)(host, (actions[i] as NamedAction).params);
  }

  /** Looks an edge's verbs up by name, once. */
  #bind(actions: readonly NamedAction[]): readonly Verb<Host>[] {
    return actions.map(({ type }) => this.#actions[type] as Verb<Host>);
  }

  #arm(host: Host, delay: string): void {
    const milliseconds = (this.#delays[delay] as (host: Host) => number)(host);
    this.#wheel.arm(host, milliseconds);
  }
}
