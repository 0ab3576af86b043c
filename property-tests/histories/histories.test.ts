import * as fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import {
  ensureSystemPackages,
  INSTALL_TIMEOUT_MS,
} from "../../test/support/system-packages.ts";
import { law } from "../support/laws.ts";
import { Deeds, histories, History, play } from "./history.ts";
import * as operations from "./operations.ts";
import * as successions from "./successions.ts";

beforeAll(() => ensureSystemPackages(["nats-server"]), INSTALL_TIMEOUT_MS);

/** Within `npm test`. */
const RUNS = 4;
const TIME_LIMIT_MS = 30_000;
/** Even a busy machine gets so far by then. */
const LEAST_HISTORIES = 1;
/** For a history that has begun by then, and hangs. */
const LAST_HISTORY_MS = 120_000;
/** Of a run that was asked for more. */
const TOLD_EVERY = 10;
/** Looking for a smaller counterexample takes no longer. */
const SHRINKING_MS = 600_000;

const size = {
  speakers: 12,
  compressing: 2,
  intervalMs: 20,
  flags: ["--trial", "200ms", "--close-rate", "100"],
};
const deeds = new Deeds();
let hasFailedAt: number | undefined;

async function tryOut(history: History): Promise<void> {
  const isEnough =
    hasFailedAt !== undefined && performance.now() - hasFailedAt > SHRINKING_MS;
  if (isEnough) throw new fc.PreconditionFailure(true);
  try {
    await play(history, size, deeds);
    // A night's worth of them says how far it has come.
    if (deeds.histories % TOLD_EVERY === 0)
      console.log(`${deeds.histories} histories`);
  } catch (error) {
    hasFailedAt ??= performance.now();
    throw error;
  }
}

describe("a server through all its processes", () => {
  it.each<[string, History]>([
    [
      "and shards are reloaded, die, and start again",
      new History(false, false, [
        new successions.Upgrade(),
        new operations.Reload(),
        new operations.CrashShard(1),
        new successions.Upgrade(),
        new operations.RestartShard(1),
        new operations.MoveShard(0),
      ]),
    ],
    [
      "and clients break off as it starts",
      new History(false, false, [new successions.UpgradeUnderResets()]),
    ],
    [
      "first by some that die while they take over",
      new History(false, false, [
        new successions.FailingUpgrade("dies while it takes over"),
        new successions.FailingUpgrade("dies while it takes over"),
        new successions.Upgrade(),
      ]),
    ],
    [
      "and the old one is killed while it leaves",
      new History(false, false, [new successions.KillOld(5)]),
    ],
    [
      "with a link to NATS",
      new History(false, true, [
        new successions.Upgrade(),
        new operations.LoseNats(),
        new successions.Upgrade(),
        new operations.RegainNats(),
      ]),
    ],
  ])(
    "loses nobody when the process is replaced, %s",
    async (_, history) => {
      await expect(play(history, size, deeds)).resolves.toBeUndefined();
    },
    LAST_HISTORY_MS,
  );

  law(
    "closes nobody who can move, loses and repeats nothing, keeps its books, and leaves nothing behind, whatever its history",
    fc.asyncProperty(histories, tryOut),
    {
      runs: RUNS,
      timeLimitMs: TIME_LIMIT_MS,
      timeBeyondLimitMs: LAST_HISTORY_MS,
    },
  );

  it("has had enough of a history", () => {
    console.log(String(deeds));
    expect(deeds.histories).toBeGreaterThanOrEqual(LEAST_HISTORIES);
    expect(deeds.operations).toBeGreaterThanOrEqual(LEAST_HISTORIES);
  });
});
