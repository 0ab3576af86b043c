import type { GraphEdge, MachineGraph } from "../../src/diagrams/graph.ts";

/**
 * A machine's graph, small enough for a page of text: each transition is drawn
 * between the two states that stand side by side, so that what leaves
 * `draining.awaiting` for `terminated` leaves `draining` in the picture, and
 * what only re-enters its own state is left out.
 */
export function overviewOf(graph: MachineGraph): MachineGraph {
  const edges = new Map<string, GraphEdge>();
  for (const { source, target, events } of graph.edges) {
    const [from, to] = sideBySide(source, target);
    if (from === to) continue;
    const key = `${from} ${to}`;
    const known = edges.get(key)?.events ?? [];
    const names = new Set(known.map(({ name }) => name));
    const added = events.filter(({ name }) => !names.has(name));
    edges.set(key, { source: from, target: to, events: [...known, ...added] });
  }
  return {
    ...graph,
    states: graph.states.map((state) => ({ ...state, loops: [] })),
    edges: [...edges.values()],
  };
}

/** Cuts both paths behind the first step in which they differ. */
function sideBySide(source: string, target: string): [string, string] {
  const from = source.split(".");
  const to = target.split(".");
  const depth = from.findIndex((step, index) => step !== to[index]) + 1;
  return [from.slice(0, depth).join("."), to.slice(0, depth).join(".")];
}
