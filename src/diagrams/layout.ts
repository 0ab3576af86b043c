import type { MachineGraph } from "./graph.ts";

export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export type Point = readonly [x: number, y: number];

/** Where everything of a graph stands, in the graph's order. */
export interface Placement {
  readonly width: number;
  readonly height: number;
  readonly states: readonly Box[];
  readonly edges: readonly {
    readonly points: readonly Point[];
    /** Where its events are written, one a line. */
    readonly label: Point;
  }[];
}

/** A machine's drawing, laid out at build time. */
export interface Chart {
  readonly graph: MachineGraph;
  /**
   * For each edge of the graph, the numbers of the transitions that are counted
   * along it; empty where nobody counts.
   */
  readonly counted: readonly (readonly number[])[];
  readonly placement: Placement;
}

/** Sizes that layout and drawing agree on, in the drawing's own units. */
export const METRICS = {
  stateWidth: 148,
  stateHeight: 58,
  /** Of the last state of a connection, which has room for how many ended how. */
  ledgerHeight: 134,
  loopLineHeight: 14,
  /** Above the children of a state. */
  headHeight: 38,
  labelLineHeight: 15,
  labelCharWidth: 6.5,
} as const;

const CORNER = 7;

/** An SVG path through points, with round corners. */
export function roundedPath(points: readonly Point[]): string {
  const [first, ...rest] = points as [Point, ...Point[]];
  let path = `M${first[0]} ${first[1]}`;
  for (const [at, point] of rest.entries()) {
    const next = rest[at + 1];
    if (next === undefined) {
      path += `L${point[0]} ${point[1]}`;
      continue;
    }
    const before = points[at] as Point;
    const radius = Math.min(
      CORNER,
      distance(before, point) / 2,
      distance(point, next) / 2,
    );
    const [x1, y1] = towards(point, before, radius);
    const [x2, y2] = towards(point, next, radius);
    path += `L${x1} ${y1}Q${point[0]} ${point[1]} ${x2} ${y2}`;
  }
  return path;
}

function distance([x1, y1]: Point, [x2, y2]: Point): number {
  return Math.hypot(x2 - x1, y2 - y1);
}

function towards(from: Point, to: Point, length: number): Point {
  const whole = distance(from, to) || 1;
  const at = (a: number, b: number): number =>
    Math.round((a + ((b - a) * length) / whole) * 10) / 10;
  return [at(from[0], to[0]), at(from[1], to[1])];
}
