import * as fc from "fast-check";
import { describe, expect } from "vitest";
import { killDelay, reportDelay } from "../../src/main/deadlines.ts";
import { shardDelays } from "../../src/machines/shard-machine.ts";
import { law } from "../support/laws.ts";
import { mainWalks, walkMainThrough } from "./main-commands.ts";
import type { MainSimulation } from "./main-simulation.ts";

const runs = 60;

/** Longer than every wait. */
const FOR_LONG_MS = 300_000;

const KILL_GRACE_MS = killDelay(0, 0);
const REPORT_GRACE_MS = reportDelay(0, 0);

/** Where everything is, for a comparison. */
const account = (main: MainSimulation): unknown => [
  main.state,
  main.endedAt,
  ...main.shards.map(({ state, endedAt, deeds }) => [state, endedAt, deeds]),
];

describe("a server and its shards, whatever happens to them in time", () => {
  law(
    "once it is to stop, the server terminates by the deadline and its grace, whatever its threads do",
    fc.property(mainWalks, (commands) => {
      const main = walkMainThrough(commands);
      if (!main.isStopping) main.shutDown(8_000);
      const stoppedAt = main.clock.now();
      main.clock.advance(FOR_LONG_MS);
      expect(main.state).toBe("terminated");
      const dueAt = Number.isFinite(main.deadline) ? main.deadline : stoppedAt;
      expect(main.endedAt).toBeLessThanOrEqual(dueAt + REPORT_GRACE_MS);
    }),
    { runs },
  );

  law(
    "once it is told to stop, a shard terminates by the deadline, what a kill may take and what its end may",
    fc.property(mainWalks, (commands) => {
      const main = walkMainThrough(commands);
      main.shutDown(8_000);
      main.clock.advance(FOR_LONG_MS);
      const { endDeadline } = shardDelays;
      for (const { endedAt, deadline, deeds } of main.shards) {
        const isTold = deeds.some(({ what }) => what === "shutdown");
        if (isTold)
          expect(endedAt).toBeLessThanOrEqual(
            deadline + KILL_GRACE_MS + endDeadline,
          );
      }
    }),
    { runs },
  );

  law(
    "no thread is killed before the deadline and its grace, unless it has not started",
    fc.property(mainWalks, (commands) => {
      const main = walkMainThrough(commands);
      main.clock.advance(FOR_LONG_MS);
      for (const { deeds } of main.shards) {
        const hasServed = deeds.some(({ what }) => what === "serve");
        for (const { what, at, deadline } of deeds) {
          if (what === "kill for start") expect(hasServed).toBe(false);
          if (what === "kill for deadline" && hasServed)
            expect(at).toBeGreaterThanOrEqual(deadline + KILL_GRACE_MS);
          if (what === "kill for report" && main.hasListened)
            expect(at).toBeGreaterThanOrEqual(deadline + REPORT_GRACE_MS);
        }
      }
    }),
    { runs },
  );

  law(
    "a thread that ends takes its shard along, at once",
    fc.property(mainWalks, (commands) => {
      walkMainThrough(commands, ({ shards }) => {
        for (const { isGone, state } of shards)
          if (isGone) expect(state).toBe("terminated");
      });
    }),
    { runs },
  );

  law(
    "the report is completed once, and each shard's totals are, when they terminate",
    fc.property(mainWalks, (commands) => {
      walkMainThrough(commands, ({ reports, state, shards }) => {
        expect(reports).toBe(state === "terminated" ? 1 : 0);
        for (const shard of shards)
          expect(shard.totals).toBe(shard.state === "terminated" ? 1 : 0);
      });
    }),
    { runs },
  );

  law(
    "called off, the server listens again and every shard that lives serves",
    fc.property(mainWalks, (commands) => {
      const main = walkMainThrough(commands);
      if (!main.state.startsWith("closing") || main.hasFailed) return;
      main.callOff();
      expect(main.state).toBe("listening");
      expect([main.isReady, main.accepts]).toEqual([true, true]);
      for (const { state } of main.shards)
        expect(state).toMatch(/^(serving\.\w+|starting|ending|terminated)$/);
    }),
    { runs },
  );

  law(
    "it is ready and accepts while it listens or waits for its turn, and accepts nobody once shards are told",
    fc.property(mainWalks, (commands) => {
      walkMainThrough(commands, ({ state, isReady, accepts }) => {
        const isServing = /^(listening|closing\.queueing)$/.test(state);
        expect(isReady).toBe(isServing);
        if (isServing) expect(accepts).toBe(true);
        if (/^(closing\.broadcasting|draining|terminated)$/.test(state))
          expect(accepts).toBe(false);
      });
    }),
    { runs },
  );

  law(
    "it drains once every shard has told everyone, or at the deadline",
    fc.property(mainWalks, (commands) => {
      walkMainThrough(commands, (main) => {
        if (main.state !== "draining" || main.hasFailed) return;
        const haveTold = main.shards.every(({ state }) =>
          /^(draining|ending|terminated)$/.test(state),
        );
        expect(haveTold || main.clock.now() >= main.deadline).toBe(true);
      });
    }),
    { runs },
  );

  law(
    "a second shutdown by a deadline that is no sooner changes nothing",
    fc.property(mainWalks, (commands) => {
      const once = walkMainThrough(commands);
      const again = walkMainThrough(commands, (main) => {
        if (main.isStopping && !main.hasFailed) main.shutDown(FOR_LONG_MS);
      });
      for (const { clock } of [once, again]) clock.advance(FOR_LONG_MS);
      expect(account(again)).toEqual(account(once));
    }),
    { runs },
  );

  law(
    "forced again and again, the end comes no later than forced once",
    fc.property(
      mainWalks,
      fc.integer({ min: 1, max: 5_000 }),
      (commands, ms) => {
        const main = walkMainThrough(commands);
        main.force();
        const forcedAt = main.clock.now();
        for (let passed = 0; passed < 5_000; passed += ms) {
          main.clock.advance(ms);
          main.force();
        }
        expect(main.state).toBe("terminated");
        expect(main.endedAt).toBeLessThanOrEqual(forcedAt + REPORT_GRACE_MS);
      },
    ),
    { runs },
  );
});
