/** Stands in for a database: it takes a while to say whether a bid is the best one. */
import { setTimeout as after } from "node:timers/promises";

const best = new Map<string, number>();

/** A bid on a lot, and what became of it. */
export interface Bid {
  readonly lot: string;
  readonly amount: number;
}
export interface Verdict {
  readonly accepted: boolean;
  readonly best: number;
}

/** Bids; a higher one may have come meanwhile. */
export async function placeBid({ lot, amount }: Bid): Promise<Verdict> {
  await after(20);
  const before = best.get(lot) ?? 0;
  if (amount <= before) return { accepted: false, best: before };
  best.set(lot, amount);
  return { accepted: true, best: amount };
}

/** For a test that wants to begin anew. */
export function forgetBids(): void {
  best.clear();
}
