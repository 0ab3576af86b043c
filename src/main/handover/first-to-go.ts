import { LEAST_FAILING } from "./version-comparison.ts";

/** Of each shard's connections that can move, so many go to a new version first, and are watched. */
const FIRST_SHARE = 0.02;
/** In all at least so many, where they can: a version is judged once so many have failed. */
const LEAST_FIRST = LEAST_FAILING;

/**
 * How many connections of each shard go first to a new version.
 *
 * @param movable - How many of each can move.
 */
export function firstToGo(movable: readonly number[]): number[] {
  const first = movable.map((count) => Math.ceil(count * FIRST_SHARE));
  const sum = (): number => first.reduce((total, count) => total + count, 0);
  while (sum() < LEAST_FIRST) {
    const staying = movable.map((count, at) => count - (first[at] ?? 0));
    const most = Math.max(0, ...staying);
    if (most === 0) break;
    (first[staying.indexOf(most)] as number) += 1;
  }
  return first;
}
