/**
 * Random lives of a service, as fast-check properties: clients come, talk and
 * go, operators and faults do their worst, and laws have to hold throughout.
 *
 * @module sluice/testing/fast-check
 */
import * as fc from "fast-check";
import type { ServerOptions } from "../config.ts";
import {
  drawServerOptions,
  type Fault,
  faults as allFaults,
  Life,
  type Step,
} from "./life.ts";
import type { Client } from "./scene.ts";
import {
  type SimulateOptions,
  simulate,
  type SimulationResult,
} from "./index.ts";
import { Draws } from "./simulation/draws.ts";

export { type Fault, faults } from "./life.ts";

/** What a law is told at the end of a life, when everything has come to rest. */
export interface LifeEnd<Model> {
  readonly clients: readonly Client[];
  readonly model: Model;
}

/** Something that has to hold for a service, whatever happens to it. */
export interface Law<Model> {
  readonly name: string;
  readonly holds: (end: LifeEnd<Model>) => boolean | void;
}

/**
 * States a law.
 *
 * @param name - As a sentence; it is what a failure says.
 * @param holds - Returns `false`, or throws, when it is broken.
 */
export function law<Model>(
  name: string,
  holds: (end: LifeEnd<Model>) => boolean | void,
): Law<Model> {
  return { name, holds };
}

/** What was given to the hook `message`. */
export interface GivenMessage {
  readonly client: Client | undefined;
  readonly data: Buffer;
  readonly text: string;
}

/** What lives are made of. */
export interface LivesOptions<Model> extends Omit<
  SimulateOptions,
  "seed" | "seeds"
> {
  /** Paths that clients ask for; `/`. */
  readonly paths?: fc.Arbitrary<string>;
  /** What clients say. */
  readonly messages?: fc.Arbitrary<string>;
  /** What may go wrong, or is asked of the server; everything. */
  readonly faults?: readonly Fault[];
  /** At most so many steps; 40. */
  readonly maxSteps?: number;
  /** Varies the server's options as well, in so far as they are not given. */
  readonly variesOptions?: boolean;
  /** What the service should know, made anew for each life. */
  readonly model?: () => Model;
  /** The service has been given a message: what it should know now. */
  readonly accepted?: (model: Model, message: GivenMessage) => void;
  readonly laws?: readonly Law<Model>[];
  /** Is told how each life ended that broke no law. */
  readonly onEnd?: (result: SimulationResult) => void;
  /** Numbers that are 0 again when every connection has gone. */
  readonly gauges?: Readonly<Record<string, () => number>>;
}

/**
 * Random lives of a service. Give it to `fc.assert`; what fails is shrunk to the
 * shortest story.
 *
 * @example
 * ```ts
 * await fc.assert(
 *   lives({
 *     handlers: new URL("auction.ts", import.meta.url),
 *     messages: fc.nat(99).map(String),
 *     faults: ["reset", "move", "shutdown"],
 *     laws: [law("nobody is told twice", ({ clients }) => clients.every(hasNoDoubles))],
 *   }),
 * );
 * ```
 */
export function lives<Model = undefined>(
  options: LivesOptions<Model>,
): fc.IAsyncProperty<[number, Step[]]> {
  const { maxSteps = 40 } = options;
  return fc.asyncProperty(
    fc.noShrink(fc.integer({ min: 1, max: 2 ** 31 - 1 })),
    fc.array(stepsOf(options), {
      minLength: 1,
      maxLength: maxSteps,
      size: "max",
    }),
    (seed, steps) => liveOnce(options, seed, steps),
  );
}

function stepsOf<Model>({
  paths = fc.constant("/"),
  messages = fc.constant("hello"),
  faults = allFaults,
}: LivesOptions<Model>): fc.Arbitrary<Step> {
  const does = fc.oneof(
    { weight: 6, arbitrary: fc.constant("open" as const) },
    { weight: 10, arbitrary: fc.constant("say" as const) },
    { weight: 2, arbitrary: fc.constant("close" as const) },
    { weight: 2, arbitrary: fc.constant("wait" as const) },
    ...(faults.length === 0
      ? []
      : [{ weight: 10, arbitrary: fc.constantFrom(...faults) }]),
  );
  return fc.record({
    does,
    pick: fc.nat(999),
    amount: fc.nat(99),
    pause: fc.nat(60),
    path: paths,
    message: messages,
  });
}

async function liveOnce<Model>(
  options: LivesOptions<Model>,
  seed: number,
  steps: readonly Step[],
): Promise<void> {
  const { accepted, laws = [], gauges = {} } = options;
  const model = options.model?.() as Model;
  const draws = new Draws(seed, "options");
  const drawn: ServerOptions = options.variesOptions
    ? drawServerOptions(draws)
    : {};
  let life: Life | undefined;
  const result = await simulate(
    {
      ...(options.variesOptions === true && {
        shards: 1 + draws.of("shards").below(3),
      }),
      rareBranches: true,
      ...options,
      seed,
      server: { ...drawn, ...options.server },
      onMessage: (name, data) => {
        const client = life?.clients.find((each) => each.name === name);
        accepted?.(model, { client, data, text: data.toString() });
      },
      atTheEnd: () => {
        const end = { clients: life?.clients ?? [], model };
        for (const { name, holds } of laws)
          if (holds(end) === false) throw new Error(`broken: ${name}`);
        for (const [name, read] of Object.entries(gauges))
          if (read() !== 0)
            throw new Error(
              `broken: ${name} is 0 when everybody has gone\n  it is ${read()}`,
            );
      },
    },
    async (scene) => {
      life = new Life(scene);
      await life.play(steps);
      await life.recover();
    },
  );
  options.onEnd?.(result);
}
