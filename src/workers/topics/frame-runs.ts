import type { FrameBatch } from "../../protocol/topic-messages.ts";
import type { FrameRun } from "./fan-out.ts";

/**
 * Splits batches into runs: frames to the same topic, one behind the other in
 * memory, which every subscriber is given as one piece.
 */
export function* runsOf(
  batches: readonly FrameBatch[],
): Generator<{ topic: string; run: FrameRun }> {
  for (const { memory, entries, at } of batches) {
    let first = 0;
    for (let next = 1; next <= entries.length; next++) {
      const [topic, start] = entries[first] as (typeof entries)[number];
      const [, , end] = entries[next - 1] as (typeof entries)[number];
      const entry = entries[next];
      if (entry !== undefined && entry[0] === topic && entry[1] === end)
        continue;
      const frames = entries
        .slice(first, next)
        .map(([, from, to]) => Buffer.from(memory, from, to - from));
      const bytes = Buffer.from(memory, start, end - start);
      yield { topic, run: { bytes, frames, at } };
      first = next;
    }
  }
}
