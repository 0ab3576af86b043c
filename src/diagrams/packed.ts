import type { GraphEdge, GraphEvent, GraphState } from "./graph.ts";
import type { Box, Chart, Placement } from "./layout.ts";

/** Its name, whether it is a delay, and its actions. */
type PackedEvent = readonly [string, 0 | 1, ...string[]];

/**
 * A drawing as it is committed and sent to browsers: without the names of its
 * fields, and a state is named once, by its path.
 */
export interface PackedChart {
  readonly id: string;
  readonly states: readonly (readonly [
    id: string,
    kind: GraphState["kind"],
    isInitial: 0 | 1,
    description: string,
    entry: readonly string[],
    loops: readonly PackedEvent[],
    box: readonly [x: number, y: number, width: number, height: number],
  ])[];
  readonly edges: readonly (readonly [
    /** Positions among the states. */
    source: number,
    target: number,
    events: readonly PackedEvent[],
    counted: readonly number[],
    label: Placement["edges"][number]["label"],
    points: Placement["edges"][number]["points"],
  ])[];
  readonly size: readonly [width: number, height: number];
}

export function pack({ graph, counted, placement }: Chart): PackedChart {
  const positions = new Map(graph.states.map(({ id }, at) => [id, at]));
  const positionOf = (id: string): number => positions.get(id) as number;
  return {
    id: graph.id,
    states: graph.states.map((state, at) => {
      const { id, kind, isInitial, description, entry, loops } = state;
      const { x, y, width, height } = placement.states[at] as Box;
      return [
        ...([id, kind, isInitial ? 1 : 0, description, entry] as const),
        loops.map(packEvent),
        [x, y, width, height],
      ];
    }),
    edges: graph.edges.map(({ source, target, events }, at) => {
      const { label, points } = placement.edges[
        at
      ] as Placement["edges"][number];
      return [
        positionOf(source),
        positionOf(target),
        events.map(packEvent),
        counted[at] ?? [],
        label,
        points,
      ];
    }),
    size: [placement.width, placement.height],
  };
}

export function unpack({ id, states, edges, size }: PackedChart): Chart {
  const [wide, high] = size;
  const idAt = (position: number): string =>
    (states[position] as PackedChart["states"][number])[0];
  return {
    graph: {
      id,
      states: states.map(unpackState),
      edges: edges.map(([source, target, events]): GraphEdge => ({
        source: idAt(source),
        target: idAt(target),
        events: events.map(unpackEvent),
      })),
    },
    counted: edges.map(([, , , counted]) => counted),
    placement: {
      width: wide,
      height: high,
      states: states.map(([, , , , , , box]): Box => {
        const [x, y, width, height] = box;
        return { x, y, width, height };
      }),
      edges: edges.map(([, , , , label, points]) => ({ points, label })),
    },
  };
}

function unpackState([
  id,
  kind,
  isInitial,
  description,
  entry,
  loops,
]: PackedChart["states"][number]): GraphState {
  const end = id.lastIndexOf(".");
  return {
    id,
    name: id.slice(end + 1),
    parent: end < 0 ? undefined : id.slice(0, end),
    kind,
    isInitial: isInitial === 1,
    description,
    entry,
    loops: loops.map(unpackEvent),
  };
}

function packEvent({ name, isDelay, actions }: GraphEvent): PackedEvent {
  return [name, isDelay ? 1 : 0, ...actions];
}

function unpackEvent([name, isDelay, ...actions]: PackedEvent): GraphEvent {
  return { name, isDelay: isDelay === 1, actions };
}
