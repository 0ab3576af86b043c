import type { AnyStateMachine } from "xstate";
import {
  type GraphEdge,
  type GraphEvent,
  graphOf,
  type GraphState,
  type MachineGraph,
} from "../diagrams/graph.ts";
import { pack } from "../diagrams/packed.ts";
import { place } from "../diagrams/place.ts";

/** More would not be looked at, and has to be sent each time that somebody looks. */
const MOST_STATES = 200;
const MOST_EDGES = 600;
const LONGEST_NAME = 48;
const LONGEST_DESCRIPTION = 200;

/** The drawing of a machine that somebody else has made: what it says is cut to what can be shown. */
export function drawMachine(machine: AnyStateMachine): string {
  const graph = cut(withRoot(machine, graphOf(machine)));
  return JSON.stringify(pack({ graph, counted: [], placement: place(graph) }));
}

/** What the machine answers wherever it is, is drawn at each of its states. */
function withRoot(machine: AnyStateMachine, graph: MachineGraph): MachineGraph {
  // Read as the transitions of the only state of a machine around it.
  const everywhere = graphOf({
    id: machine.id,
    root: { states: { root: machine.root } },
  } as never);
  const loops = everywhere.states[0]?.loops ?? [];
  const ways = everywhere.edges.filter(({ source }) => source === "");
  if (loops.length === 0 && ways.length === 0) return graph;
  const isTop = ({ parent, kind }: GraphState): boolean =>
    parent === undefined && kind !== "final";
  const edges = [...graph.edges];
  for (const { id } of graph.states.filter(isTop))
    for (const way of ways) {
      if (way.target === id) continue;
      const at = edges.findIndex(
        ({ source, target }) => source === id && target === way.target,
      );
      const known = edges[at];
      if (known === undefined) edges.push({ ...way, source: id });
      else edges[at] = { ...known, events: [...known.events, ...way.events] };
    }
  return {
    ...graph,
    states: graph.states.map((state) =>
      isTop(state) ? { ...state, loops: [...state.loops, ...loops] } : state,
    ),
    edges,
  };
}

function cut({ id, states, edges }: MachineGraph): MachineGraph {
  const kept = states.slice(0, MOST_STATES);
  const ids = new Set(kept.map((state) => state.id));
  return {
    // The page makes the names of its arrows of it.
    id: short(id).replaceAll(/\W/g, "-"),
    states: kept.map((state) => ({
      ...state,
      description: state.description.slice(0, LONGEST_DESCRIPTION),
      entry: state.entry.map(short),
      loops: state.loops.map(cutEvent),
    })),
    edges: edges
      .filter(({ source, target }) => ids.has(source) && ids.has(target))
      .slice(0, MOST_EDGES)
      .map((edge: GraphEdge) => ({
        ...edge,
        events: edge.events.map(cutEvent),
      })),
  };
}

function cutEvent({ name, isDelay, actions }: GraphEvent): GraphEvent {
  return { name: short(name), isDelay, actions: actions.map(short) };
}

function short(text: string): string {
  return text.length > LONGEST_NAME
    ? `${text.slice(0, LONGEST_NAME - 1)}…`
    : text;
}
