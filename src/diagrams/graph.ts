import type { AnyStateMachine, AnyStateNode } from "xstate";

/** What one transition is taken for. */
export interface GraphEvent {
  /** The event, or the name of the delay. */
  readonly name: string;
  readonly isDelay: boolean;
  readonly actions: readonly string[];
}

export interface GraphState {
  /** Dotted path, such as `open.healthy`. */
  readonly id: string;
  readonly name: string;
  /** Path of the state that it is within. */
  readonly parent: string | undefined;
  readonly kind: "leaf" | "parent" | "final";
  /** Entered when its parent, or the machine, is. */
  readonly isInitial: boolean;
  readonly description: string;
  /** Run whenever it is entered. */
  readonly entry: readonly string[];
  /** Transitions to itself: they re-arm its delay. */
  readonly loops: readonly GraphEvent[];
}

/** All transitions from one state to another. */
export interface GraphEdge {
  readonly source: string;
  readonly target: string;
  readonly events: readonly GraphEvent[];
}

/** A machine as it is drawn. */
export interface MachineGraph {
  readonly id: string;
  readonly states: readonly GraphState[];
  readonly edges: readonly GraphEdge[];
}

const AFTER = /^xstate\.after\.([^.]+)\./;
/** What XState says when an invoked actor has ended. */
const ACTOR_ENDED = /^xstate\.(done|error)\.actor\.(.+)$/;

/** Reads a machine's states and transitions, in the order in which it names them. */
export function graphOf(machine: AnyStateMachine): MachineGraph {
  const nodes = descendants(machine.root);
  const states: GraphState[] = [];
  const edges = new Map<string, GraphEdge & { events: GraphEvent[] }>();
  for (const node of nodes) {
    const id = idOf(node);
    const loops: GraphEvent[] = [];
    for (const { target, eventType, actions } of transitionsOf(node)) {
      const event = describeEvent(eventType, actions);
      const targetId = target === undefined ? id : idOf(target);
      if (targetId === id) {
        loops.push(event);
        continue;
      }
      const key = `${id} ${targetId}`;
      const edge = edges.get(key) ?? {
        source: id,
        target: targetId,
        events: [],
      };
      edge.events.push(event);
      edges.set(key, edge);
    }
    const { parent } = node;
    const isTop = parent === machine.root;
    states.push({
      id,
      name: node.key,
      parent: isTop || parent === undefined ? undefined : idOf(parent),
      kind:
        node.type === "final"
          ? "final"
          : Object.keys(node.states).length > 0
            ? "parent"
            : "leaf",
      isInitial: initialOf(parent) === node.key,
      description: node.description ?? "",
      // The delay that is armed on entry shows as a transition.
      entry: node.entry
        .map(nameAction)
        .filter((name) => !name.startsWith("xstate.")),
      loops,
    });
  }
  return { id: machine.id, states, edges: [...edges.values()] };
}

function descendants(node: AnyStateNode): AnyStateNode[] {
  return Object.values(node.states).flatMap((child) => [
    child,
    ...descendants(child),
  ]);
}

interface Transition {
  readonly target: AnyStateNode | undefined;
  readonly eventType: string;
  readonly actions: readonly unknown[];
}

function transitionsOf(node: AnyStateNode): Transition[] {
  return [...node.transitions.values(), node.always ?? []]
    .flat()
    .map((transition) => ({
      target: transition.target?.[0] as AnyStateNode | undefined,
      eventType: transition.eventType,
      actions: transition.actions,
    }));
}

function describeEvent(
  eventType: string,
  actions: readonly unknown[],
): GraphEvent {
  const delay = AFTER.exec(eventType)?.[1];
  const [, end, actor] = ACTOR_ENDED.exec(eventType) ?? [];
  return {
    name: delay ?? (end === undefined ? eventType : `${end}(${actor})`),
    isDelay: delay !== undefined,
    actions: actions.map(nameAction),
  };
}

function nameAction(action: unknown): string {
  if (typeof action === "string") return action;
  // Of a function, its name; and what a function will give along is not known yet.
  const of = action as { type?: string; params?: unknown; name?: string };
  const { type = of.name ?? "", params } = of;
  if (typeof params !== "object" || params === null) return type;
  const details = Object.entries(params).map(
    ([name, value]) => `${name}: ${String(value)}`,
  );
  return `${type}(${details.join(", ")})`;
}

/** `connection.open.healthy` without the machine's own name. */
function idOf(node: AnyStateNode): string {
  return node.path.join(".");
}

function initialOf(parent: AnyStateNode | undefined): string | undefined {
  const initial = parent?.initial as
    { target: readonly AnyStateNode[] } | undefined;
  return initial?.target[0]?.key;
}
