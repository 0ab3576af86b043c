import * as fc from "fast-check";
import { describe, expect } from "vitest";
import { law } from "../support/laws.ts";
import { walks, walkThrough } from "./commands.ts";
import { connectionLaws, isConnectionLasting } from "./connection-laws.ts";
import {
  type SimulatedConnection,
  TICK_MS,
  type TimedMove,
} from "./simulation.ts";
import { said } from "./law.ts";

const runs = 200;

/** A state that is entered at its deadline waits until the tick is over, and three may follow another. */
const LATE_MS = 4 * TICK_MS;

/** Longer than all delays of any way out. */
const FOR_LONG_MS = 120_000;

const tale = (move: TimedMove): string =>
  `${move.at} ${move.source} · ${move.event} → ${move.target} [${said(move)}]`;

const biography = ({ moves }: SimulatedConnection): string =>
  moves.map(tale).join("\n");

/** Nobody is told how whoever never opened has ended. */
const isUnopened = (outcome: string): boolean =>
  /^(rejected|served|cut)$/.test(outcome);

const endedAt = ({ moves }: SimulatedConnection): number =>
  moves.find(({ target }) => target === "terminated")?.at ?? Infinity;

describe("connections, whatever happens to them in time", () => {
  law(
    "every move keeps every law of single moves",
    fc.property(walks, (commands) => {
      const { connections } = walkThrough(commands);
      const broken = connections
        .flatMap(({ moves }) => moves.slice(1))
        .flatMap((move) =>
          connectionLaws
            .filter(({ holds }) => !holds(move))
            .map(({ name }) => `${name}: ${tale(move)}`),
        );
      expect(broken).toEqual([]);
    }),
    { runs },
  );

  law(
    "whatever happens after it was given a deadline, a connection has terminated by it",
    fc.property(walks, (commands) => {
      const { clock, connections } = walkThrough(commands);
      clock.advance(FOR_LONG_MS);
      const late = connections.filter((connection) =>
        connection.deadlines.some(
          ({ at, deadline }) =>
            endedAt(connection) > Math.max(at, deadline) + LATE_MS,
        ),
      );
      expect(late.map(biography)).toEqual([]);
    }),
    { runs },
  );

  law(
    "silence alone terminates everyone but the healthy, and leaves no timer",
    fc.property(walks, (commands) => {
      const simulation = walkThrough(commands);
      simulation.clock.advance(FOR_LONG_MS);
      for (const { state } of simulation.live)
        expect(isConnectionLasting(state)).toBe(true);
      expect(simulation.runner.armedDelays).toBe(0);
      expect(simulation.clock.waiting).toBe(0);
    }),
    { runs },
  );

  law(
    "at every moment there is one delay on the wheel for each connection that waits, and none for others",
    fc.property(walks, (commands) => {
      walkThrough(commands, ({ connections, runner }) => {
        const waiting = connections.filter(
          ({ state }) => !isConnectionLasting(state),
        );
        expect(runner.armedDelays).toBe(waiting.length);
        for (const { wheelNext, state } of connections)
          expect(wheelNext === null).toBe(isConnectionLasting(state));
      });
    }),
    { runs },
  );

  law(
    "every outcome is told once, with the code of the close frame where one was sent",
    fc.property(walks, (commands) => {
      const { clock, connections } = walkThrough(commands);
      clock.advance(FOR_LONG_MS);
      for (const { history, end, closeStatus } of connections) {
        const [outcome] = history.outcomes;
        if (outcome === undefined || history.outcomes.some(isUnopened))
          expect(end).toBeUndefined();
        else {
          const isSaid = outcome === "clean" || outcome === "unacknowledged";
          expect(end).toMatchObject({
            outcome,
            code: isSaid ? closeStatus?.code : 1006,
          });
        }
      }
    }),
    { runs },
  );

  law(
    "whoever reads our close frame has read every message that was compressed before",
    fc.property(walks, (commands) => {
      const { connections } = walkThrough(commands);
      for (const { sent, temper } of connections)
        if (sent.includes("close"))
          expect(sent.filter((each) => each === "message")).toHaveLength(
            temper.compressing,
          );
    }),
    { runs },
  );

  law(
    "the peer reads one answer, then pings and messages, and one close frame last of all",
    fc.property(walks, (commands) => {
      const { connections } = walkThrough(commands);
      for (const { sent, history } of connections)
        expect(sent.join(" ")).toMatch(
          history.opened ? /^http( ping| message)*( close)?$/ : /^(http)?$/,
        );
    }),
    { runs },
  );

  law(
    "only who is moving has somewhere to move to",
    fc.property(walks, (commands) => {
      walkThrough(commands, ({ connections }) => {
        for (const { state, move } of connections)
          expect(move !== null).toBe(state === "open.moving");
      });
    }),
    { runs },
  );

  law(
    "told again to go, by a deadline that is no sooner, a connection goes on as if it had not been",
    fc.property(walks, (commands) => {
      const once = walkThrough(commands);
      const again = walkThrough(commands, (simulation) => {
        simulation.tellAgain(FOR_LONG_MS);
      });
      for (const { clock } of [once, again]) clock.advance(FOR_LONG_MS);
      expect(again.connections.map(biography)).toEqual(
        once.connections.map(biography),
      );
    }),
    { runs },
  );

  law(
    "nothing waits in a mailbox once all is said",
    fc.property(walks, (commands) => {
      walkThrough(commands, ({ connections }) => {
        for (const { mailbox } of connections) expect(mailbox).toBeNull();
      });
    }),
    { runs },
  );
});
