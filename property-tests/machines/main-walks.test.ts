import * as fc from "fast-check";
import { describe, expect } from "vitest";
import { killDelay, reportDelay } from "../../src/main/deadlines.ts";
import { shardDelays } from "../../src/machines/shard-machine.ts";
import { law } from "../support/laws.ts";
import { mainWalks, walkMainThrough } from "./main-commands.ts";
import {
  type MainSimulation,
  SHUTDOWN_DEADLINE_MS,
} from "./main-simulation.ts";

const runs = 40;

/** Longer than every wait. */
const FOR_LONG_MS = 30_000;

const KILL_GRACE_MS = killDelay(0, 0);
const REPORT_GRACE_MS = reportDelay(0, 0);

/** Where everything is, for a comparison. */
const account = (main: MainSimulation): unknown => [
  main.state,
  main.endedAt,
  ...main.threads.map(({ deadline, killedAt, forcedAt, endedAt }) => [
    deadline,
    killedAt,
    forcedAt,
    endedAt,
  ]),
];

describe("a server and its shards, whatever happens to them in time", () => {
  law(
    "once it is to stop, the server terminates by the deadline and its grace, whatever its threads do",
    fc.asyncProperty(mainWalks, async (commands) => {
      const main = await walkMainThrough(commands);
      if (!main.isStopping) await main.shutDown(SHUTDOWN_DEADLINE_MS);
      const stoppedAt = main.clock.now();
      await main.pass(FOR_LONG_MS);
      expect(main.state).toBe("terminated");
      const dueAt = Number.isFinite(main.deadline) ? main.deadline : stoppedAt;
      expect(main.endedAt).toBeLessThanOrEqual(dueAt + REPORT_GRACE_MS);
    }),
    { runs },
  );

  law(
    "once it is told to stop, a thread ends, or is given up, by the deadline, what a kill may take and what its end may",
    fc.asyncProperty(mainWalks, async (commands) => {
      const main = await walkMainThrough(commands);
      await main.shutDown(SHUTDOWN_DEADLINE_MS);
      await main.pass(FOR_LONG_MS);
      const { endDeadline } = shardDelays;
      for (const { endedAt, deadline } of main.threads)
        if (Number.isFinite(deadline))
          expect(endedAt).toBeLessThanOrEqual(
            deadline + KILL_GRACE_MS + endDeadline,
          );
    }),
    { runs },
  );

  law(
    "no thread that serves is killed before the deadline and its grace, nor before it has told everyone or was forced",
    fc.asyncProperty(mainWalks, async (commands) => {
      const main = await walkMainThrough(commands);
      await main.pass(FOR_LONG_MS);
      for (const thread of main.threads) {
        const { hasServed, hasTold, killedAt, forcedAt, deadline } = thread;
        if (!hasServed || !Number.isFinite(killedAt) || !main.hasListened)
          continue;
        if (!hasTold)
          expect(killedAt).toBeGreaterThanOrEqual(forcedAt + KILL_GRACE_MS);
        expect(killedAt).toBeGreaterThanOrEqual(deadline + KILL_GRACE_MS);
      }
    }),
    { runs },
  );

  law(
    "where a thread has ended, its shard has none, or another one starts",
    fc.asyncProperty(mainWalks, async (commands) => {
      await walkMainThrough(commands, (main) => {
        for (const { index, state } of main.server.fleet.all)
          expect(state === "terminated").toBe(
            main.threadOf(index) === undefined,
          );
      });
    }),
    { runs },
  );

  law(
    "the report is completed once, when the server terminates",
    fc.asyncProperty(mainWalks, async (commands) => {
      await walkMainThrough(commands, ({ reports, state }) => {
        expect(reports).toBe(state === "terminated" ? 1 : 0);
      });
    }),
    { runs },
  );

  law(
    "called off, the server listens again, and every thread serves that has not asked to end",
    fc.asyncProperty(mainWalks, async (commands) => {
      const main = await walkMainThrough(commands);
      if (!main.callOff()) return;
      expect(main.state).toBe("listening");
      expect(main.isReady).toBe(true);
      for (const { index, state } of main.server.fleet.all)
        if (main.threadOf(index)?.isEnding === false)
          expect(state).toMatch(/^(serving\.\w+|starting|ending)$/);
    }),
    { runs },
  );

  law(
    "it is ready while it listens or waits for its turn, accepts then while a shard does, and nobody once shards are told",
    fc.asyncProperty(mainWalks, async (commands) => {
      await walkMainThrough(commands, (main) => {
        const { state, isReady, accepts, server } = main;
        const isServing = /^(listening|closing\.queueing)$/.test(state);
        expect(isReady).toBe(isServing);
        const isWanted = server.fleet.shards.some((shard) => shard.isAccepting);
        if (isServing && !main.hasFailed) expect(accepts).toBe(isWanted);
        if (/^(closing\.broadcasting|draining|terminated)$/.test(state))
          expect(accepts).toBe(false);
      });
    }),
    { runs },
  );

  law(
    "it drains once every shard has told everyone, or at the deadline, and ends once the last thread has",
    fc.asyncProperty(mainWalks, async (commands) => {
      await walkMainThrough(commands, (main) => {
        const { fleet } = main.server;
        const isGoing = /^(closing\.broadcasting|draining)$/.test(main.state);
        if (!isGoing || main.hasFailed) return;
        const haveTold = fleet.all.every(({ state }) =>
          /^(draining|ending|terminated)$/.test(state),
        );
        const isDue = haveTold || main.clock.now() >= main.deadline;
        expect(main.state === "draining").toBe(isDue);
        expect(fleet.all.every(({ state }) => state === "terminated")).toBe(
          false,
        );
      });
    }),
    { runs },
  );

  law(
    "a second shutdown by a deadline that is no sooner changes nothing",
    fc.asyncProperty(mainWalks, async (commands) => {
      const once = await walkMainThrough(commands);
      const again = await walkMainThrough(commands, (main) => {
        if (main.isStopping && !main.hasFailed)
          main.server.face.shutdown({ deadlineMs: 300_000 }).catch(() => {});
      });
      for (const main of [once, again]) await main.pass(FOR_LONG_MS);
      expect(account(again)).toEqual(account(once));
    }),
    { runs },
  );

  law(
    "forced again and again, the end comes no later than forced once",
    fc.asyncProperty(
      mainWalks,
      fc.integer({ min: 1, max: 5_000 }),
      async (commands, ms) => {
        const main = await walkMainThrough(commands);
        await main.force();
        const forcedAt = main.clock.now();
        for (let passed = 0; passed < 3_000; passed += ms) {
          await main.pass(ms);
          await main.force();
        }
        expect(main.state).toBe("terminated");
        expect(main.endedAt).toBeLessThanOrEqual(forcedAt + REPORT_GRACE_MS);
      },
    ),
    { runs },
  );
});
