import type { Shard } from "../shards/shard.ts";

/** Live connections by what a move would come to, known before it starts. */
export interface Census {
  /** They can move, at a moment when nothing of them is under way. */
  movable: number;
  /** Their keys cannot leave the thread. */
  tls: number;
  /** Their compression window cannot leave the thread. */
  compression: number;
  /** On shards whose Node, `ws` or handlers do not let anyone move. */
  runtime: number;
}

/** Counts the connections of some shards; cheap, from shared memory. */
export function takeCensus(
  shards: readonly Shard[],
  { config }: { config: { tlsKeyFile: string | undefined } },
): Census {
  const census = { movable: 0, tls: 0, compression: 0, runtime: 0 };
  for (const { counters, whyNoMoves } of shards) {
    const { live } = counters;
    if (config.tlsKeyFile !== undefined) census.tls += live;
    else if (whyNoMoves !== undefined) census.runtime += live;
    else {
      const compressed = counters.get("compressed");
      census.compression += compressed;
      census.movable += live - compressed;
    }
  }
  return census;
}
