import { monotonicNow } from "../../protocol/clock.ts";
import {
  type Cohort,
  type HookFailures,
  type HookName,
  hookNames,
} from "../../protocol/hook-names.ts";
import type { Shard } from "../shards/shard.ts";

/** Below so many failing connections nothing is said of a version. */
export const LEAST_FAILING = 2;
/** Of the connections that a new version was given, so many may fail whatever the old one does. */
const FAILING_SHARE = 0.01;
/** More than that many times as often as in the old version, and beyond what is chance. */
const TIMES_WORSE = 2;
const SPREADS = 3;
/** So many newcomers must be expected, and so many must have failed, before they say anything. */
const NEWCOMERS = 10;
/** A new version that serves fewer than this share of the newcomers that the old one had does not serve them. */
const SERVED_SHARE = 0.1;

/** How a version fares: what its shards have counted by one moment. */
export interface Tally {
  /** On the monotonic clock of the machine. */
  readonly at: number;
  readonly live: number;
  readonly opened: number;
  readonly movedIn: number;
  readonly failures: Readonly<Record<Cohort, HookFailures>>;
}

/** What speaks against a new version. */
export interface Fault {
  readonly hook: HookName;
  readonly cohort: Cohort;
  /** With the numbers of both versions, in one sentence. */
  readonly said: string;
}

/** Counts what shards have seen so far. */
export function takeTally(
  shards: readonly Pick<Shard, "counters">[],
  at = monotonicNow(),
): Tally {
  const sum = (read: (shard: Pick<Shard, "counters">) => number): number =>
    shards.reduce((total, shard) => total + read(shard), 0);
  const failuresOf = (cohort: Cohort): HookFailures =>
    Object.fromEntries(
      hookNames.map((hook) => [
        hook,
        sum(({ counters }) => counters.hookFailures(cohort, hook)),
      ]),
    ) as HookFailures;
  return {
    at,
    live: sum(({ counters }) => counters.live),
    opened: sum(({ counters }) => counters.get("opened")),
    movedIn: sum(({ counters }) => counters.get("movedIn")),
    failures: { moved: failuresOf("moved"), new: failuresOf("new") },
  };
}

/**
 * Compares a new version with the old one over the same time, by the hooks
 * that fail.
 *
 * Two groups are looked at, each for itself. Connections that have moved are a
 * sample of those that the old version has: they must not fail much more often
 * than those that stayed. What a client does to make a hook fail, it does on
 * both sides. Newcomers all come to the new version, and anyone may come, and
 * make `authorize` throw as often as he likes: so not their failures count, but
 * whether others are still served as they were before.
 */
export class VersionComparison {
  readonly #began: Tally;
  readonly #oldThen: Tally;
  readonly #then: Tally;
  #lookedAt: number;
  /** Connections times milliseconds, of those that stayed and of those that moved. */
  #stayed = 0;
  #moved = 0;

  /**
   * @param began - The old version some time before the trial: what newcomers
   *   are to be expected.
   * @param old - The old version when the trial begins.
   * @param entering - The new one, then.
   */
  constructor(began: Tally, old: Tally, entering: Tally) {
    this.#began = began;
    this.#oldThen = old;
    this.#then = entering;
    this.#lookedAt = entering.at;
  }

  /** What speaks against the new version by now, or nothing. To be asked again and again. */
  findFault(old: Tally, entering: Tally): Fault | undefined {
    const sinceMs = Math.max(0, entering.at - this.#lookedAt);
    this.#lookedAt = entering.at;
    this.#stayed += old.live * sinceMs;
    this.#moved += this.#cameBy(entering) * sinceMs;
    for (const hook of hookNames) {
      const fault = this.#findAmongMoved(hook, old, entering);
      if (fault !== undefined) return fault;
    }
    return this.#findAmongNewcomers(entering);
  }

  #cameBy(entering: Tally): number {
    return entering.movedIn - this.#then.movedIn;
  }

  #findAmongMoved(
    hook: HookName,
    old: Tally,
    entering: Tally,
  ): Fault | undefined {
    const failed =
      entering.failures.moved[hook] - this.#then.failures.moved[hook];
    const came = this.#cameBy(entering);
    if (failed < LEAST_FAILING || failed <= came * FAILING_SHARE)
      return undefined;
    const failedThere = bothOf(old, hook) - bothOf(this.#oldThen, hook);
    const expected =
      this.#stayed === 0 ? 0 : (failedThere * this.#moved) / this.#stayed;
    const bearable = TIMES_WORSE * expected + SPREADS * Math.sqrt(expected);
    if (failed <= bearable) return undefined;
    return {
      hook,
      cohort: "moved",
      said: `${hook} failed for ${failed} of ${came} connections that had moved, and meanwhile for ${failedThere} of ${old.live + failedThere} with the old version`,
    };
  }

  #findAmongNewcomers(entering: Tally): Fault | undefined {
    const failures = hookNames.map((hook) => ({
      hook,
      failed: entering.failures.new[hook] - this.#then.failures.new[hook],
    }));
    const failed = failures.reduce((sum, each) => sum + each.failed, 0);
    const served = servedBetween(this.#then, entering);
    const expected = this.#expectNewcomers(entering.at - this.#then.at);
    const isTold = expected >= NEWCOMERS && failed >= NEWCOMERS;
    if (!isTold || served >= expected * SERVED_SHARE) return undefined;
    const [worst] = failures.toSorted((a, b) => b.failed - a.failed);
    const { hook } = worst as { hook: HookName };
    return {
      hook,
      cohort: "new",
      said: `${hook} failed for ${worst?.failed ?? 0} new connections and ${Math.max(0, served)} were served, where the old version had ${Math.round(expected)} in the same time`,
    };
  }

  /** As many as the old version had before the trial, in as much time. */
  #expectNewcomers(inMs: number): number {
    const overMs = this.#oldThen.at - this.#began.at;
    if (overMs <= 0) return 0;
    return (servedBetween(this.#began, this.#oldThen) * inMs) / overMs;
  }
}

function bothOf({ failures }: Tally, hook: HookName): number {
  return failures.moved[hook] + failures.new[hook];
}

/** Newcomers that were let in, and for whom no hook has failed since. */
function servedBetween(before: Tally, after: Tally): number {
  return letInBy(after) - letInBy(before);
}

function letInBy({ opened, failures }: Tally): number {
  const failed = hookNames
    .filter((hook) => hook !== "authorize")
    .reduce((sum, hook) => sum + failures.new[hook], 0);
  return opened - failed;
}
