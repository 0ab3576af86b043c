import type { Shard } from "../shards/shard.ts";

/** Live connections by what a move would come to, known before it starts. */
export interface Movability {
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
export function countMovability(
  shards: readonly Shard[],
  { config }: { config: { tlsKeyFile: string | undefined } },
): Movability {
  const movability = { movable: 0, tls: 0, compression: 0, runtime: 0 };
  for (const { counters, moveBlocker } of shards) {
    const { live } = counters;
    if (config.tlsKeyFile !== undefined) movability.tls += live;
    else if (moveBlocker !== undefined) movability.runtime += live;
    else {
      const windowsKept = counters.get("windowsKept");
      movability.compression += windowsKept;
      movability.movable += live - windowsKept;
    }
  }
  return movability;
}
