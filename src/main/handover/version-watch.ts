import { monotonicNow } from "../../protocol/clock.ts";
import { POLL_MS } from "../deadlines.ts";
import type { Shard } from "../shards/shard.ts";
import {
  type Fault,
  type Tally,
  takeTally,
  VersionComparison,
} from "./version-comparison.ts";

/** A thread on trial whose event loop has not turned for so long hangs. */
const SILENCE_MS = 750;

/** The old version as it is compared with: before the trial, and at any moment of it. */
export interface OldVersion {
  readonly began: Tally;
  now(): Tally;
}

/** A new version that is being watched. */
export interface VersionWatch {
  /** What is wrong with it at this moment, in one sentence; nothing, when nothing is. */
  look(): string | undefined;
  stop(): void;
}

/**
 * Watches shards of a new version, in this process, while it has the first of
 * the old one's connections: whether they serve, turn, and fail no more often.
 *
 * @param onFault - Called once, with what is wrong in one sentence.
 */
export function watchVersion(
  shards: readonly Shard[],
  old: OldVersion,
  onFault: (said: string) => void,
): VersionWatch {
  const comparison = new VersionComparison(
    old.began,
    old.now(),
    takeTally(shards),
  );
  const findFault = (): (() => string) | undefined => {
    const standing = shards
      .map(findStandstill)
      .find((said) => said !== undefined);
    const fault = comparison.findFault(old.now(), takeTally(shards));
    if (standing !== undefined) return () => standing;
    return fault && (() => describe(fault, shards));
  };
  const timer = setInterval(() => {
    const fault = findFault();
    if (fault === undefined) return;
    clearInterval(timer);
    // What was thrown may still be on its way from the thread.
    setImmediate(() => onFault(fault()));
  }, POLL_MS);
  return {
    look: () => findFault()?.(),
    stop: () => clearInterval(timer),
  };
}

function describe(
  { hook, cohort, said }: Fault,
  shards: readonly Shard[],
): string {
  const error = shards
    .map(({ hookErrors }) => hookErrors.get(`${cohort} ${hook}`))
    .find((thrown) => thrown !== undefined);
  return error === undefined ? said : `${said}: ${error}`;
}

/** Whether a shard's event loop stands still. */
export function isStill({ counters }: Shard): boolean {
  return monotonicNow() - counters.get("beatAt") > SILENCE_MS;
}

/** What speaks against a shard on trial by itself, or nothing. */
function findStandstill(shard: Shard): string | undefined {
  const { index, state } = shard;
  if (!state.startsWith("serving"))
    return `shard ${index} is ${state} in its trial`;
  return isStill(shard)
    ? `the event loop of shard ${index} stands still`
    : undefined;
}
