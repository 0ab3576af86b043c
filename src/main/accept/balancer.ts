/** What the balancer knows of a shard. */
export interface Candidate {
  /** Connections and sockets on their way to it. */
  readonly load: number;
  /** It takes new sockets. */
  readonly isAccepting: boolean;
  /** Its event loop does not answer. */
  readonly isBlocked: boolean;
}

export type Balance = "least-connections" | "round-robin";

/**
 * Chooses the shard for a new socket. A blocked shard is chosen only when no
 * other accepts.
 *
 * @param previous - The index chosen before, for the turns of `round-robin` and of equals.
 * @returns an index into `candidates`, or `undefined` when none accepts
 */
export function chooseShard(
  balance: Balance,
  candidates: readonly Candidate[],
  previous: number,
): number | undefined {
  let chosen: number | undefined;
  for (let step = 1; step <= candidates.length; step++) {
    const index = (previous + step) % candidates.length;
    const candidate = candidates[index] as Candidate;
    if (!candidate.isAccepting) continue;
    const best = chosen === undefined ? undefined : candidates[chosen];
    if (best === undefined || isBetter(balance, candidate, best))
      chosen = index;
  }
  return chosen;
}

function isBetter(
  balance: Balance,
  candidate: Candidate,
  best: Candidate,
): boolean {
  if (candidate.isBlocked !== best.isBlocked) return best.isBlocked;
  return balance === "least-connections" && candidate.load < best.load;
}
