import type { GraphEdge, GraphState, MachineGraph } from "./graph.ts";
import { type Box, METRICS, type Placement, type Point } from "./layout.ts";

const PADDING = 14;
const COLUMN_GAP = 26;
const ROW_GAP = 26;
/** Between the parallel ways of edges. */
const TRACK = 12;

/**
 * Places a machine that is not known beforehand, without a layout engine:
 * states in rows by their distance from the initial one, edges with right
 * angles, each with a height of its own for its label. Plainer than what is laid
 * out at build time, and done in a millisecond.
 */
export function place(graph: MachineGraph): Placement {
  return new Placing(graph).placement();
}

/** The states directly within a state, or within the machine, in rows. */
interface Container {
  readonly rows: (readonly GraphState[])[];
  /** Below each row: how much room the labels of its edges take. */
  readonly gaps: number[];
}

class Placing {
  readonly #graph: MachineGraph;
  readonly #states: ReadonlyMap<string, GraphState>;
  readonly #children = new Map<string | undefined, GraphState[]>();
  readonly #containers = new Map<string | undefined, Container>();
  readonly #sizes = new Map<string, { width: number; height: number }>();
  readonly #boxes = new Map<string, Box>();
  /** Used so far below each row, from its top. */
  readonly #used = new Map<string, number>();
  /** How many edges touch a state's upper or lower side so far. */
  readonly #touched = new Map<string, number>();

  constructor(graph: MachineGraph) {
    this.#graph = graph;
    this.#states = new Map(graph.states.map((state) => [state.id, state]));
    for (const state of graph.states) {
      const parent = this.#parentOf(state);
      const children = this.#children.get(parent) ?? [];
      this.#children.set(parent, [...children, state]);
    }
  }

  placement(): Placement {
    const { width, height } = this.#measure(undefined);
    this.#putChildren(undefined, 0, 0, width);
    let lane = width;
    const edges = this.#graph.edges.map((edge) => {
      const route = this.#route(edge, lane);
      lane = Math.max(lane, route.right);
      return route;
    });
    return {
      width: Math.ceil(lane + PADDING),
      height: Math.ceil(height),
      states: this.#graph.states.map(({ id }) => this.#boxOf(id)),
      edges: edges.map(({ points, label }) => ({ points, label })),
    };
  }

  #parentOf({ parent }: GraphState): string | undefined {
    return parent !== undefined && this.#states.has(parent)
      ? parent
      : undefined;
  }

  #boxOf(id: string): Box {
    return this.#boxes.get(id) ?? { x: 0, y: 0, width: 0, height: 0 };
  }

  /** The state itself, or the one around it, that is directly within a container. */
  #within(id: string, container: string | undefined): GraphState | undefined {
    let state = this.#states.get(id);
    while (state !== undefined && this.#parentOf(state) !== container)
      state = this.#states.get(this.#parentOf(state) ?? "");
    return state;
  }

  #measure(id: string | undefined): { width: number; height: number } {
    const rows = this.#rowsOf(id);
    const gaps = rows.map((row) => this.#gapBelow(row, id));
    this.#containers.set(id, { rows, gaps });
    let width = 0;
    let height = PADDING;
    for (const [at, row] of rows.entries()) {
      const sizes = row.map((state) => this.#sizeOf(state));
      const across = sizes.reduce((sum, size) => sum + size.width, 0);
      width = Math.max(width, across + COLUMN_GAP * (row.length - 1));
      height += Math.max(...sizes.map((size) => size.height));
      height += at === rows.length - 1 ? PADDING : (gaps[at] ?? 0);
    }
    return { width: width + 2 * PADDING, height };
  }

  #sizeOf(state: GraphState): { width: number; height: number } {
    const { id, kind, loops } = state;
    const extra = loops.length * METRICS.loopLineHeight;
    let size: { width: number; height: number } = {
      width: METRICS.stateWidth,
      height: METRICS.stateHeight + extra,
    };
    if (kind === "parent") {
      const inner = this.#measure(id);
      size = {
        width: Math.max(inner.width, METRICS.stateWidth),
        height: inner.height + METRICS.headHeight + extra,
      };
    }
    this.#sizes.set(id, size);
    return size;
  }

  /** By the number of transitions that lead there from where the container begins. */
  #rowsOf(id: string | undefined): GraphState[][] {
    const children = this.#children.get(id) ?? [];
    const depths = new Map<GraphState, number>();
    let next = children.filter(({ isInitial }) => isInitial);
    if (next.length === 0) next = children.slice(0, 1);
    for (let depth = 0; next.length > 0; depth++) {
      for (const state of next) depths.set(state, depth);
      const reached = new Set(next.flatMap((state) => this.#after(state, id)));
      next = [...reached].filter((state) => !depths.has(state));
    }
    const rows: GraphState[][] = [];
    for (const state of children)
      (rows[depths.get(state) ?? 0] ??= []).push(state);
    return rows;
  }

  #after(state: GraphState, container: string | undefined): GraphState[] {
    return this.#graph.edges.flatMap(({ source, target }) => {
      const to = this.#within(target, container);
      return this.#within(source, container) === state && to !== undefined
        ? [to]
        : [];
    });
  }

  #gapBelow(row: readonly GraphState[], container: string | undefined): number {
    return this.#graph.edges
      .filter(({ source, target }) => {
        const from = this.#within(source, container);
        const to = this.#within(target, container);
        return from !== to && to !== undefined && row.some((s) => s === from);
      })
      .reduce((sum, edge) => sum + labelHeight(edge), ROW_GAP);
  }

  #putChildren(
    id: string | undefined,
    left: number,
    top: number,
    width: number,
  ): void {
    const { rows, gaps } = this.#containers.get(id) as Container;
    let y = top + PADDING;
    for (const [at, row] of rows.entries()) {
      const sizes = row.map(
        (state) =>
          this.#sizes.get(state.id) as { width: number; height: number },
      );
      const across =
        sizes.reduce((sum, size) => sum + size.width, 0) +
        COLUMN_GAP * (row.length - 1);
      let x = left + (width - across) / 2;
      for (const [column, state] of row.entries()) {
        const size = sizes[column] as { width: number; height: number };
        this.#boxes.set(state.id, { x, y, ...size });
        const loops = state.loops.length * METRICS.loopLineHeight;
        if (state.kind === "parent")
          this.#putChildren(
            state.id,
            x,
            y + METRICS.headHeight + loops,
            size.width,
          );
        x += size.width + COLUMN_GAP;
      }
      y += Math.max(...sizes.map((size) => size.height)) + (gaps[at] ?? 0);
    }
  }

  #route(
    edge: GraphEdge,
    lane: number,
  ): { points: Point[]; label: Point; right: number } {
    const from = this.#boxOf(edge.source);
    const to = this.#boxOf(edge.target);
    const bottom = from.y + from.height;
    if (to.y < bottom) {
      // Back, or to the side: around everything, at the right.
      const x = lane + TRACK;
      const [out, into] = [
        this.#spread(edge.source),
        this.#spread(edge.target),
      ];
      const y1 = from.y + (from.height * (1 + (out % 4))) / 5;
      const y2 = to.y + (to.height * (1 + (into % 4))) / 5;
      return {
        points: round([
          [from.x + from.width, y1],
          [x, y1],
          [x, y2],
          [to.x + to.width, y2],
        ]),
        label: [Math.round(x), Math.round((y1 + y2) / 2)],
        right: x + labelWidth(edge),
      };
    }
    const x1 = this.#side(edge.source, from);
    const x2 = this.#side(edge.target, to);
    const row = `${Math.round(bottom)}`;
    const used = (this.#used.get(row) ?? TRACK / 2) + labelHeight(edge);
    this.#used.set(row, used);
    const y = Math.min(bottom + used, to.y - TRACK / 2);
    return {
      points: round([
        [x1, bottom],
        [x1, y],
        [x2, y],
        [x2, to.y],
      ]),
      label: [Math.round(Math.min(x1, x2)), Math.round(y - labelHeight(edge))],
      right: Math.min(x1, x2) + labelWidth(edge),
    };
  }

  /** Where along its side the next edge of a state begins or ends. */
  #side(id: string, { x, width }: Box): number {
    return x + (width * (1 + (this.#spread(id) % 6))) / 7;
  }

  #spread(id: string): number {
    const touched = this.#touched.get(id) ?? 0;
    this.#touched.set(id, touched + 1);
    return touched;
  }
}

function labelHeight({ events }: GraphEdge): number {
  return events.length * METRICS.labelLineHeight + 4;
}

function labelWidth({ events }: GraphEdge): number {
  const longest = Math.max(0, ...events.map(({ name }) => name.length));
  return (longest + 3) * METRICS.labelCharWidth;
}

function round(points: readonly Point[]): Point[] {
  return points.map(([x, y]) => [Math.round(x), Math.round(y)] as const);
}
