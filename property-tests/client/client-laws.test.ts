import { fc, test } from "@fast-check/vitest";
import { getShortestPaths } from "xstate/graph";
import { describe, expect, it, vi } from "vitest";
import { Runner } from "../../src/client/client-runner.ts";
import {
  type ClientEventType,
  clientDelays,
  clientEvents,
  clientMachine,
} from "../../src/machines/client-machine.ts";
import { createActor, SimulatedClock } from "xstate";
import {
  buildTransitionTable,
  stateName,
} from "../../src/machines/transition-table.ts";

const { states } = buildTransitionTable(clientMachine, clientEvents);

describe("the client's machine", () => {
  it("has a delay in every state that waits for somebody", () => {
    const without = states.filter(({ delayEvent }) => delayEvent === undefined);
    expect(without.map(({ name }) => name)).toEqual(["resting", "closed"]);
  });

  it("can be closed in every state, and is closed for good", () => {
    for (const { name, steps, isFinal } of states)
      expect([
        name,
        steps.has("close.requested") || name === "closing",
      ]).toEqual([name, !isFinal]);
    expect(states.filter(({ isFinal }) => isFinal)).toHaveLength(1);
  });

  it("reaches each of its states", () => {
    const reached = getShortestPaths(clientMachine, {
      events: [
        ...clientEvents.map((type) => ({ type })),
        ...states.flatMap(({ delayEvent }) =>
          delayEvent === undefined ? [] : [{ type: delayEvent } as never],
        ),
      ],
    }).map(({ state }) => stateName(state.value));
    expect(new Set(reached)).toEqual(new Set(states.map(({ name }) => name)));
  });
});

/** All delays are multiples of it: XState's clock begins a new delay only at the end of a step. */
const STEP_MS = 500;

/** What may happen next: something that the state answers, anything, or so many steps of the clock in silence. */
const happening = fc.oneof(
  { weight: 6, arbitrary: fc.record({ answered: fc.nat(99) }) },
  {
    weight: 1,
    arbitrary: fc.record({ any: fc.constantFrom(...clientEvents) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ steps: fc.integer({ min: 1, max: 140 }) }),
  },
);

/** Seldom one that ends the client: most walks would be short. */
function answeredIn(state: string, choice: number): ClientEventType {
  const steps = states.find(({ name }) => name === state)?.steps;
  const events = clientEvents.filter((event) => {
    const step = steps?.get(event);
    return step !== undefined && (choice < 5 || !step.target.isFinal);
  });
  return events[choice % events.length] ?? "open.requested";
}

test.prop([fc.array(happening, { maxLength: 60 })])(
  "what ships does what the machine says, step by step",
  (happenings) => {
    vi.useFakeTimers();
    try {
      const byTable: string[] = [];
      const byMachine: string[] = [];
      const clock = new SimulatedClock();
      const runner = new Runner(
        (action) => byTable.push(action),
        (delay) => clientDelays[delay],
      );
      const actions = Object.fromEntries(
        Object.keys(clientMachine.implementations.actions).map((name) => [
          name,
          () => void byMachine.push(name),
        ]),
      );
      const actor = createActor(clientMachine.provide({ actions }), {
        clock,
      }).start();
      for (const each of happenings) {
        if ("steps" in each)
          for (let step = 0; step < each.steps; step++) {
            vi.advanceTimersByTime(STEP_MS);
            clock.increment(STEP_MS);
          }
        else {
          const type =
            "any" in each ? each.any : answeredIn(runner.state, each.answered);
          runner.tell(type);
          actor.send({ type });
        }
        const { value, status } = actor.getSnapshot();
        expect([runner.state, byTable]).toEqual([stateName(value), byMachine]);
        if (status === "done") break;
      }
    } finally {
      vi.useRealTimers();
    }
  },
);
