/** Where Sluice is still slower than somebody, and why. */
import type { CaseResult } from "./results.ts";
import { ratioTo } from "./summary.ts";

/** One case in which a rival has the better figure of merit. */
export interface Slower {
  readonly caseTitle: string;
  readonly rivalTitle: string;
  /** Sluice's figure as a multiple of the rival's. */
  readonly factor: number;
  readonly reason: string;
}

/** Differences below this are within what rounds differ by. */
const noticeableFactor = 1.03;

const secure =
  "TLS itself is nearly all of it and the same for both; the hand-over from " +
  "the main thread to the shard comes on top.";

/** Why, by rival; a key `case:rival` goes before the rival alone. */
const reasons: Readonly<Record<string, string>> = {
  net:
    "it speaks no WebSocket: no upgrade, no frames, no masks. It is the floor " +
    "under anything that goes through Node's sockets, not an alternative.",
  bun:
    "its WebSocket is C++ down to the system call (uWebSockets); in Sluice, " +
    "Node's sockets and JavaScript carry every byte.",
  "tls-echo:ws": secure,
  "tls-churn:ws": secure,
  "shutdown:ws-loop":
    "a loop that does nothing else has said it sooner. Sluice tells 250 " +
    "connections at a time and serves the others in between, lets handlers in " +
    "flight finish first, gives each client a time of its own to come back, and " +
    "counts how each one ended.",
};

const unexplained = "not explained yet.";

/**
 * Lists every case and rival in which the rival is better.
 *
 * @param cases - The results.
 */
export function slowerThan(cases: readonly CaseResult[]): Slower[] {
  return cases.flatMap((result) =>
    result.contenders.flatMap((rival) => {
      if (rival.id === "sluice") return [];
      const factor = ratioTo(result, "sluice", rival.id)?.median;
      if (factor === undefined || factor < noticeableFactor) return [];
      const reason =
        reasons[`${result.name}:${rival.id}`] ??
        reasons[rival.id] ??
        unexplained;
      return [
        {
          caseTitle: result.title,
          rivalTitle: rival.title,
          factor,
          reason,
        },
      ];
    }),
  );
}
