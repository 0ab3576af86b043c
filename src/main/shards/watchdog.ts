import { channel } from "node:diagnostics_channel";
import { channels } from "../../protocol/channels.ts";
import { monotonicNow } from "../../protocol/clock.ts";
import type { Shard } from "./shard.ts";

const WATCH_EVERY_MS = 250;
/** Looks further apart than this: the whole process stood still. */
const STANDSTILL_MS = 2 * WATCH_EVERY_MS;

/**
 * Watches the beat of every serving shard and says when one blocks its event
 * loop, and when it goes on.
 *
 * @param blockedAfterMs - Silence that counts as blocked; 0 watches nothing.
 */
export function watchShards(
  fleet: { readonly all: readonly Shard[] },
  blockedAfterMs: number,
): { stop(): void } {
  if (blockedAfterMs === 0) return { stop() {} };
  let lookedAt = monotonicNow();
  const timer = setInterval(() => {
    const now = monotonicNow();
    const stoodStill = now - lookedAt > STANDSTILL_MS;
    lookedAt = now;
    // Where this thread stood still, the others may have: they get a moment to beat.
    if (stoodStill) return;
    for (const shard of fleet.all) look(shard, blockedAfterMs);
  }, WATCH_EVERY_MS);
  timer.unref();
  return { stop: () => clearInterval(timer) };
}

function look(shard: Shard, blockedAfterMs: number): void {
  const silentMs = monotonicNow() - shard.counters.get("beatAt");
  const isRunning = shard.state !== "starting" && shard.state !== "terminated";
  const isBlocked = isRunning && silentMs > blockedAfterMs;
  if (isBlocked === shard.isBlocked) return;
  shard.isBlocked = isBlocked;
  channel(channels.shard).publish({
    event: isBlocked ? "blocked" : "unblocked",
    shard: shard.index,
    silentMs: Math.round(silentMs),
  });
}
