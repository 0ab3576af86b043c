import { createActor, transition } from "xstate";
import { describe, expect, it } from "vitest";
import {
  connectionDelays,
  connectionEvents,
  connectionMachine,
} from "../../src/machines/connection.ts";
import { FakeClock } from "../../test/support/fake-clock.ts";
import { remember, unborn } from "./connection-history.ts";
import { connectionLaws, isLasting } from "./connection-laws.ts";
import {
  delayNameOf,
  explore,
  liveThrough,
  type LivedMove,
  pathOf,
  placeOf,
  say,
} from "./exploration.ts";

const exploration = explore(connectionMachine);
const lives = liveThrough(exploration, unborn, remember);

const describeMove = (move: LivedMove<unknown>): string =>
  [
    `after ${move.way.join(", ") || "nothing"}:`,
    `${move.source} · ${move.event} → ${move.target}`,
    `[${move.verbs.map(say).join(", ")}]`,
    JSON.stringify(move.after),
  ].join("\n  ");

describe("every state of a connection × every history × every event", () => {
  it("is more than a handful", () => {
    expect(exploration.places.size).toBe(13);
    expect(lives.length).toBeGreaterThan(1_000);
  });

  it.each(connectionLaws)("$name", ({ holds }) => {
    const broken = lives.filter((move) => !holds(move));
    expect(broken.map(describeMove)).toEqual([]);
  });

  it("takes every event that it names, each somewhere, and no other", () => {
    const taken = exploration.events.filter((type) => !delayNameOf(type));
    expect(taken.toSorted()).toEqual([...connectionEvents].toSorted());
    const isTaken = (event: string): boolean =>
      [...exploration.places.values()].some(
        ({ moves }) => moves.get(event)?.isIgnored === false,
      );
    expect(exploration.events.filter((event) => !isTaken(event))).toEqual([]);
  });

  it("answers no event in any state with an error", () => {
    for (const { snapshot } of exploration.places.values())
      for (const type of [...exploration.events, "never.heard.of"]) {
        const [after] = transition(connectionMachine, snapshot as never, {
          type: type as never,
        });
        const isOver = after.value === "terminated";
        expect(after.status).toBe(isOver ? "done" : "active");
      }
  });
});

describe("silence", () => {
  const resting = [...exploration.places.values()].filter(
    ({ name }) => !isLasting(name),
  );

  it("is bounded by one delay in every state but open.healthy and terminated", () => {
    const counted = [...exploration.places.values()].map(
      ({ name, delays }) => [name, delays.length] as const,
    );
    expect(counted).toEqual(
      counted.map(([name]) => [name, isLasting(name) ? 0 : 1]),
    );
  });

  /** The delays that run out, one after the other, if nothing ever happens again. */
  const waysOut = (name: string): string[] => {
    const [delay] = placeOf(exploration, name).delays;
    if (delay === undefined) return [];
    const next = placeOf(exploration, name).moves.get(delay.event);
    return [delay.name, ...waysOut(next?.target ?? "")];
  };

  it.each(resting.map(({ name }) => name))(
    "alone leads from %s to terminated within the sum of its delays, not earlier",
    (name) => {
      const clock = new FakeClock(0);
      const way = lives.find(({ source }) => source === name)?.way ?? [];
      const actor = createActor(connectionMachine, { clock }).start();
      for (const type of way) actor.send({ type } as never);
      expect(pathOf(actor.getSnapshot().value)).toBe(name);
      const delays = waysOut(name);
      const sum = delays
        .map(
          (delay) => connectionDelays[delay as keyof typeof connectionDelays],
        )
        .reduce((total, ms) => total + ms, 0);
      clock.advance(sum - 1);
      expect(actor.getSnapshot().status).toBe("active");
      clock.advance(1);
      expect(actor.getSnapshot().value).toBe("terminated");
      expect(clock.waiting).toBe(0);
    },
  );
});
