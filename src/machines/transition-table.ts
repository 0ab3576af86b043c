import {
  type AnyMachineSnapshot,
  type AnyStateMachine,
  initialTransition,
  transition,
} from "xstate";

/** An action as the machine names it, with what it gives along. */
export interface NamedAction {
  readonly type: string;
  readonly params: unknown;
}

/** The machine's answer to one event in one state. */
export interface Step {
  readonly target: TableState;
  readonly actions: readonly NamedAction[];
  /** The transition stops the delay that the source state had armed. */
  readonly cancelsDelay: boolean;
  /** The delay to arm, by name, after the actions. */
  readonly delay: string | undefined;
  /** Number of the (state, event) pair, for counting traffic along the edge. */
  readonly edge: number;
}

/** One interned state: a connection's whole machine is a reference to one of these. */
export interface TableState {
  /** Dotted path of the leaf, such as `open.healthy`. */
  readonly name: string;
  readonly index: number;
  readonly isFinal: boolean;
  readonly tags: ReadonlySet<string>;
  /** The event that ends this state's delay; undefined where it has none. */
  readonly delayEvent: string | undefined;
  /** Answers by event type. An event without an answer is ignored. */
  readonly steps: ReadonlyMap<string, Step>;
}

/** Every reachable state of a finite machine with its answers. */
export interface TransitionTable {
  readonly initial: Step;
  readonly states: readonly TableState[];
  /** `source event` of each edge, by its number. */
  readonly edges: readonly { source: string; event: string; target: string }[];
}

const AFTER = /^xstate\.after\.([^.]+)\./;

/**
 * Asks XState's own pure functions for the answer to every event in every
 * reachable state of a finite machine (no context, no guards, at most one
 * delay in each state) and keeps the answers. XState stays the only definition:
 * nothing here knows what a transition means.
 *
 * @param machine - A machine as given to `createActor`.
 * @param events - The event types it takes, delays aside.
 * @throws Error when the machine arms two delays in one state.
 */
export function buildTransitionTable(
  machine: AnyStateMachine,
  events: readonly string[],
): TransitionTable {
  interface Building {
    state: { -readonly [K in keyof TableState]: TableState[K] };
    steps: Map<string, Step>;
    snapshot: AnyMachineSnapshot;
  }
  const found = new Map<string, Building>();
  const edges: { source: string; event: string; target: string }[] = [];

  const intern = (snapshot: AnyMachineSnapshot): Building => {
    const name = stateName(snapshot.value);
    const known = found.get(name);
    if (known !== undefined) return known;
    const steps = new Map<string, Step>();
    const building = {
      state: {
        name,
        index: found.size,
        isFinal: snapshot.status === "done",
        tags: snapshot.tags,
        delayEvent: undefined,
        steps,
      },
      steps,
      snapshot,
    };
    found.set(name, building);
    return building;
  };

  const toStep = (
    source: string,
    event: string,
    snapshot: AnyMachineSnapshot,
    executable: readonly { type: string; params: unknown }[],
  ): Step => {
    const target = intern(snapshot);
    const actions: NamedAction[] = [];
    let cancelsDelay = false;
    let delay: string | undefined;
    for (const { type, params } of executable) {
      if (type === "xstate.cancel") cancelsDelay = true;
      else if (type === "xstate.raise") {
        const raised = (params as { event: { type: string } }).event.type;
        const name = AFTER.exec(raised)?.[1];
        if (name === undefined || delay !== undefined)
          throw new Error(
            `${machine.id}: "${target.state.name}" needs more than one delay`,
          );
        delay = name;
        target.state.delayEvent = raised;
      } else actions.push({ type, params });
    }
    edges.push({ source, event, target: target.state.name });
    return {
      target: target.state,
      actions,
      cancelsDelay,
      delay,
      edge: edges.length - 1,
    };
  };

  const [first, firstActions] = initialTransition(machine);
  const initial = toStep("", "xstate.init", first, firstActions);
  // The map grows while it is walked: a breadth-first search in insertion order.
  for (const { state, steps, snapshot } of found.values()) {
    const accepted =
      state.delayEvent === undefined ? events : [...events, state.delayEvent];
    for (const event of accepted) {
      const [after, actions] = transition(machine, snapshot, { type: event });
      const isIgnored = after === snapshot && actions.length === 0;
      if (!isIgnored)
        steps.set(event, toStep(state.name, event, after, actions));
    }
  }
  return {
    initial,
    states: [...found.values()].map(({ state }) => state),
    edges,
  };
}

/** The dotted path of a state value: `{ open: "healthy" }` is `open.healthy`. */
export function stateName(value: unknown): string {
  if (typeof value === "string") return value;
  const [[parent, child]] = Object.entries(value as object) as [
    [string, unknown],
  ];
  return `${parent}.${stateName(child)}`;
}
