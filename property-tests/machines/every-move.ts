import {
  type AnyStateMachine,
  type AnyStateNode,
  createActor,
  transition,
} from "xstate";
import { describe, expect, it } from "vitest";
import { FakeClock } from "../../test/support/fake-clock.ts";
import {
  delayNameOf,
  explore,
  liveThrough,
  type Move,
  pathOf,
  placeOf,
} from "./exploration.ts";
import { describeMove, type Law } from "./law.ts";

/** A machine with what there is to say about all its moves. */
export interface Examined<History> {
  readonly machine: AnyStateMachine;
  readonly id: string;
  readonly events: readonly string[];
  readonly delays: Readonly<Record<string, number>>;
  readonly born: History;
  readonly remember: (before: History, move: Move) => History;
  readonly laws: readonly Law<History>[];
  /** The states without a delay. */
  readonly isLasting: (state: string) => boolean;
  /** Where silence leads to instead, from states that only interrupt a lasting one. */
  readonly interrupted?: Readonly<Record<string, string>>;
  /** The final state; `terminated` where it is not said. */
  readonly end?: string;
}

/** The tests of a machine on every state × every history × every event. */
export function examineEveryMove<History>(subject: Examined<History>): void {
  const exploration = explore(subject.machine);
  const lives = liveThrough(exploration, subject.born, subject.remember);

  describe(`every state of a ${subject.id} × every history × every event`, () => {
    it.each(subject.laws)("$name", ({ holds }) => {
      // The first one found is the shortest way to break it.
      const broken = lives.find((move) => !holds(move));
      expect(broken && describeMove(broken)).toBeUndefined();
    });

    it("takes every event that it names, each somewhere, and no other", () => {
      const taken = exploration.events.filter((type) => !delayNameOf(type));
      expect(taken.toSorted()).toEqual(subject.events.toSorted());
      const isTaken = (event: string): boolean =>
        lives.some((move) => move.event === event && !move.isIgnored);
      expect(exploration.events.filter((event) => !isTaken(event))).toEqual([]);
    });

    it("answers no event in any state with an error", () => {
      for (const { snapshot } of exploration.places.values())
        for (const type of [...exploration.events, "never.heard.of"]) {
          const [after] = transition(subject.machine, snapshot, { type });
          const isOver = after.value === (subject.end ?? "terminated");
          expect(after.status).toBe(isOver ? "done" : "active");
        }
    });

    it("names each verb that it declares, and declares each that it names", () => {
      const named = lives.flatMap(({ verbs }) => verbs.map(({ type }) => type));
      const declared = Object.keys(subject.machine.implementations.actions);
      expect([...new Set(named)].toSorted()).toEqual(declared.toSorted());
    });

    it("says of each state what it is, in a line of its own", () => {
      const described = nodesOf(subject.machine.root).filter(
        (node) => node !== subject.machine.root,
      );
      const lines = described.map(({ description }) => description ?? "");
      expect(new Set(lines).size).toBe(described.length);
      for (const line of lines) expect(line).toMatch(/^\w.{10,}[^.]$/);
    });

    it("is known by its name", () => {
      expect(subject.machine.id).toBe(subject.id);
    });
  });

  describe(`the delays of a ${subject.id}`, () => {
    const names = [...exploration.places.keys()];

    it("are one in every state but those that may last", () => {
      const counted = names.map((name) => [
        name,
        placeOf(exploration, name).delays.length,
      ]);
      expect(counted).toEqual(
        names.map((name) => [name, subject.isLasting(name) ? 0 : 1]),
      );
    });

    it("are the ones that the machine declares, each with a length of its own", () => {
      const named = names.flatMap((name) =>
        placeOf(exploration, name).delays.map((delay) => delay.name),
      );
      expect([...new Set(named)].toSorted()).toEqual(
        Object.keys(subject.delays).toSorted(),
      );
      expect(subject.machine.implementations.delays).toEqual(subject.delays);
    });
  });
}

/** The tests of a machine to which nothing happens any more. */
export function examineSilence<History>({
  machine,
  id,
  born,
  remember,
  delays,
  isLasting,
  interrupted = {},
}: Examined<History>): void {
  const exploration = explore(machine);
  const lives = liveThrough(exploration, born, remember);
  const names = [...exploration.places.keys()];
  /** The delays that run out, one after the other, if nothing ever happens again. */
  const waysOut = (name: string): string[] => {
    const [delay] = placeOf(exploration, name).delays;
    if (delay === undefined) return [];
    const next = placeOf(exploration, name).moves.get(delay.event);
    return [delay.name, ...waysOut(next?.target ?? "")];
  };
  describe(`the silence of a ${id}`, () => {
    const ways = names
      .filter((name) => !isLasting(name))
      .map((name) => [name, interrupted[name] ?? "terminated"] as const);

    it.each(ways)(
      "alone leads from %s to %s within the sum of its delays, not earlier",
      (name, end) => {
        const clock = new FakeClock(0);
        const actor = createActor(machine, { clock }).start();
        const way = lives.find(({ source }) => source === name)?.way ?? [];
        for (const type of way) actor.send({ type });
        expect(pathOf(actor.getSnapshot().value)).toBe(name);
        const sum = waysOut(name)
          .map((delay) => delays[delay] ?? Number.NaN)
          .reduce((total, ms) => total + ms, 0);
        clock.advance(sum - 1);
        expect(actor.getSnapshot().status).toBe("active");
        expect(pathOf(actor.getSnapshot().value)).not.toBe(end);
        clock.advance(1);
        expect(pathOf(actor.getSnapshot().value)).toBe(end);
        expect(clock.waiting).toBe(0);
      },
    );
  });
}

/** A state and all within it. */
function nodesOf(node: AnyStateNode): AnyStateNode[] {
  return [node, ...Object.values(node.states).flatMap(nodesOf)];
}
