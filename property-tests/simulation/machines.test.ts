/* oxlint-disable vitest/valid-title, vitest/expect-expect -- the law's name is the title */
import * as fc from "fast-check";
import { describe, expect } from "vitest";
import { assign, initialTransition, setup, transition } from "xstate";
import {
  connectionActions,
  type ConnectionFact,
  machineHandlers,
} from "../../src/index.ts";
import { simulate } from "../../src/testing/index.ts";
import { type Actors, actorsOf } from "../../src/protocol/actor-host.ts";
import { statesOf } from "../../src/actors/state-names.ts";
import { law } from "../support/laws.ts";

const RUNS = 20;
const TIME_LIMIT_MS = 30_000;
/** Longer than the way through the network, shorter than any delay of the machine. */
const ARRIVAL_MS = 10;
const DELAY_MS = 60_000;

type Said = { readonly type: "next" | "back" | "deep" | "recall" | "ask" };

/** History, parallel states, a nested one and a delay: what a snapshot may forget. */
const machine = setup({
  types: {
    context: {} as { steps: number },
    events: {} as ConnectionFact | Said,
  },
  delays: { long: DELAY_MS },
  actions: {
    ...connectionActions,
    count: assign({ steps: ({ context }) => context.steps + 1 }),
  },
}).createMachine({
  id: "walk",
  context: { steps: 0 },
  type: "parallel",
  on: {
    ask: {
      actions: {
        type: "send",
        params: ({ context }) => ({ data: String(context.steps) }),
      },
    },
  },
  states: {
    left: {
      initial: "outer",
      states: {
        outer: {
          initial: "a",
          states: {
            a: { on: { next: { target: "b", actions: "count" } } },
            b: { on: { next: { target: "c", actions: "count" } } },
            c: { on: { next: { target: "a", actions: "count" } } },
            last: { type: "history" },
          },
          on: { back: "away" },
        },
        away: { on: { recall: "outer.last" } },
      },
    },
    right: {
      initial: "shallow",
      states: {
        shallow: { on: { deep: "deep" }, after: { long: "late" } },
        deep: { on: { deep: "shallow" } },
        late: {},
      },
    },
  },
});

/** Where the machine is without a server. */
function alone(walk: readonly Said["type"][]): {
  readonly states: readonly string[];
  readonly steps: number;
} {
  let [snapshot] = initialTransition(machine);
  for (const type of walk) [snapshot] = transition(machine, snapshot, { type });
  const states = [...statesOf(snapshot.value)].toSorted();
  return { states, steps: snapshot.context.steps };
}

const step = fc.record({
  type: fc.constantFrom<Said["type"]>("next", "back", "deep", "recall"),
  before: fc.constantFrom("nothing", "move", "reload", "upgrade"),
});

describe("a machine for each connection", () => {
  law(
    "is where it would be without a server, however often it moves, is reloaded, and its process is replaced",
    fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
      const made: Actors[] = [];
      await simulate(
        {
          handlers: () => {
            const handlers = machineHandlers(machine, {
              decode: (data) => ({ type: data.toString() as Said["type"] }),
            });
            made.push(actorsOf(handlers) as Actors);
            return handlers;
          },
          shards: 2,
        },
        async (scene) => {
          const { open, server, time } = scene;
          const client = await open("/");
          for (const { type, before } of steps) {
            if (before === "reload") await server.reload();
            if (before === "upgrade") await server.upgrade();
            if (before === "move")
              for (const { index } of scene.shards)
                await server.drain({ shard: index, move: true }).done;
            client.send(type);
            await time.advance(ARRIVAL_MS);
          }
          client.send("ask");
          // A trial of a reload lasts seconds: none of them reaches the delay.
          expect(time.now).toBeLessThan(DELAY_MS);
          const { states, steps: taken } = alone(steps.map(({ type }) => type));
          expect(await client.next()).toBe(String(taken));
          const is = made.flatMap((actors) => actors.population());
          expect(new Map(is)).toEqual(
            new Map(states.map((state) => [state, 1])),
          );
          expect(is.length).toBe(states.length);
        },
      );
    }),
    { runs: RUNS, timeLimitMs: TIME_LIMIT_MS },
  );
});
