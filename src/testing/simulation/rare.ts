import type { Draws } from "./draws.ts";

/**
 * What seldom happens by itself, and is made to happen: by seed, in so large a
 * share of all cases. A run says how often each did; one that never does tests
 * nothing of what depends on it.
 */
const shares = {
  "a write is taken in part": 0.02,
  "a handle closes while it travels": 0.01,
  "a timer fires late": 0.005,
  "a message comes late to another thread": 0.01,
  "a thread that is about to end is sent something": 1,
  "a module loads slowly": 0.1,
  "the wall clock jumps": 0.000_5,
  "an end is heard before the last words": 0.5,
} as const;

export type RareBranch = keyof typeof shares;

/** All there are. */
export const rareBranches = Object.keys(shares) as RareBranch[];

/** How often each branch was taken. */
export type RareCounts = Record<RareBranch, number>;

/** Decides, by seed, whether a rare branch is taken, and counts those that are. */
export class Rare {
  readonly #isOn: boolean;
  readonly counts = Object.fromEntries(
    rareBranches.map((branch) => [branch, 0]),
  ) as RareCounts;

  /** @param isOn - Otherwise none is taken. */
  constructor(isOn: boolean) {
    this.#isOn = isOn;
  }

  /** Takes the branch, or not. @param draws - Of whom it happens to. */
  take(branch: RareBranch, draws: Draws): boolean {
    if (!this.isDue(branch, draws)) return false;
    this.happened(branch);
    return true;
  }

  /** The same for a branch of which others decide whether it comes to pass. */
  isDue(branch: RareBranch, draws: Draws): boolean {
    return this.#isOn && draws.chance(shares[branch]);
  }

  happened(branch: RareBranch): void {
    if (this.#isOn) this.counts[branch]++;
  }
}
