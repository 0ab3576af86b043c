import {
  type AnyMachineSnapshot,
  type AnyStateMachine,
  initialTransition,
  transition,
} from "xstate";
import { getAdjacencyMap } from "xstate/graph";

/** A verb of the machine, with what it gives along. */
export interface Verb {
  readonly type: string;
  readonly params: Readonly<Record<string, unknown>> | undefined;
}

/** What a machine answers to one event in one state. */
export interface Move {
  readonly source: string;
  readonly event: string;
  readonly target: string;
  readonly verbs: readonly Verb[];
  /** Delays by name that are stopped before, and armed after the verbs. */
  readonly cancels: number;
  readonly arms: readonly string[];
  /** The machine stays what it was, to the last bit. */
  readonly isIgnored: boolean;
}

export interface Place {
  readonly name: string;
  readonly snapshot: AnyMachineSnapshot;
  readonly isFinal: boolean;
  readonly tags: readonly string[];
  /** By event type, every event of the machine and each of its delays. */
  readonly moves: ReadonlyMap<string, Move>;
  /** The delays that this state has, by name, and the event that ends each. */
  readonly delays: readonly { name: string; event: string }[];
}

export interface Exploration {
  readonly machine: AnyStateMachine;
  readonly beginning: Move;
  readonly places: ReadonlyMap<string, Place>;
  readonly events: readonly string[];
}

const AFTER = /^xstate\.after\.([^.]+)\.(.+)$/;

/**
 * Every reachable state of a machine × every event, its delays among them, as
 * `xstate/graph` finds them and XState's pure functions answer.
 */
export function explore(machine: AnyStateMachine): Exploration {
  const events = [...machine.events] as string[];
  const map = getAdjacencyMap(machine, {
    events: events.map((type) => ({ type })),
  } as never);
  const places = new Map<string, Place>();
  for (const { state } of Object.values(map)) {
    const snapshot = state as unknown as AnyMachineSnapshot;
    places.set(pathOf(snapshot.value), toPlace(machine, events, snapshot));
  }
  const [first, actions] = initialTransition(machine);
  return {
    machine,
    events,
    places,
    beginning: toMove("", "xstate.init", undefined, first, actions),
  };
}

/** The place of that name. @throws Error where the machine has none. */
export function placeOf({ places }: Exploration, name: string): Place {
  const place = places.get(name);
  if (place === undefined) throw new Error(`there is no state ${name}`);
  return place;
}

/** A move together with what had happened before it, and what has after it. */
export interface LivedMove<History> extends Move {
  readonly before: History;
  readonly after: History;
  /** The shortest way here: the events so far. */
  readonly way: readonly string[];
}

/**
 * Every reachable pair of state and history × every event. A history is a
 * finite summary of the past, so that a law over whole lives becomes one over
 * single moves, and all of them are looked at.
 */
export function liveThrough<History>(
  { beginning, places }: Exploration,
  born: History,
  remember: (before: History, move: Move) => History,
): LivedMove<History>[] {
  const lived: LivedMove<History>[] = [];
  const seen = new Set<string>();
  const waiting: { state: string; history: History; way: string[] }[] = [];
  const visit = (state: string, history: History, way: string[]): void => {
    const key = `${state} ${JSON.stringify(history)}`;
    if (seen.has(key)) return;
    seen.add(key);
    waiting.push({ state, history, way });
  };
  visit(beginning.target, remember(born, beginning), []);
  for (let next = waiting.shift(); next; next = waiting.shift()) {
    const { state, history, way } = next;
    for (const move of places.get(state)?.moves.values() ?? []) {
      const after = remember(history, move);
      lived.push({ ...move, before: history, after, way });
      visit(move.target, after, [...way, move.event]);
    }
  }
  return lived;
}

/** `settle(lost)`, `sendPing`. */
export function say({ type, params }: Verb): string {
  const given = Object.values(params ?? {}).join(", ");
  return given === "" ? type : `${type}(${given})`;
}

/** The dotted path of a state value. */
export function pathOf(value: unknown): string {
  if (typeof value === "string") return value;
  const [[parent, child]] = Object.entries(value as object) as [
    [string, unknown],
  ];
  return `${parent}.${pathOf(child)}`;
}

/** The name of a delay from the event that ends it; undefined for other events. */
export function delayNameOf(event: string): string | undefined {
  return AFTER.exec(event)?.[1];
}

function toPlace(
  machine: AnyStateMachine,
  events: readonly string[],
  snapshot: AnyMachineSnapshot,
): Place {
  const name = pathOf(snapshot.value);
  const moves = new Map<string, Move>();
  for (const type of events) {
    const [after, actions] = transition(machine, snapshot, { type });
    moves.set(type, toMove(name, type, snapshot, after, actions));
  }
  return {
    name,
    snapshot,
    isFinal: snapshot.status === "done",
    tags: [...snapshot.tags] as string[],
    moves,
    delays: events.flatMap((event) => {
      const [, delay, owner] = AFTER.exec(event) ?? [];
      const path = owner?.slice(machine.id.length + 1);
      const isOwn =
        path !== undefined && (name === path || name.startsWith(`${path}.`));
      return delay !== undefined && isOwn ? [{ name: delay, event }] : [];
    }),
  };
}

function toMove(
  source: string,
  event: string,
  before: AnyMachineSnapshot | undefined,
  after: AnyMachineSnapshot,
  actions: readonly { type: string; params?: unknown }[],
): Move {
  const verbs: Verb[] = [];
  const arms: string[] = [];
  let cancels = 0;
  for (const { type, params } of actions) {
    if (type === "xstate.cancel") {
      cancels++;
    } else if (type === "xstate.raise") {
      const raised = (params as { event: { type: string } }).event.type;
      arms.push(delayNameOf(raised) ?? raised);
    } else {
      if (arms.length > 0)
        throw new Error(`${source}, ${event}: arms its delay before its verbs`);
      verbs.push({ type, params: params as Verb["params"] });
    }
  }
  return {
    source,
    event,
    target: pathOf(after.value),
    verbs,
    cancels,
    arms,
    isIgnored: after === before && actions.length === 0,
  };
}
