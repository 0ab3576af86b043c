/**
 * Random lives of a service, as fast-check properties: clients come, talk and
 * go, operators and faults do their worst, and laws have to hold throughout.
 *
 * @module sluice/testing/fast-check
 */
import type * as FastCheck from "fast-check";
import type { ServerOptions } from "../config.ts";
import type { Client } from "./scene-client.ts";
import { encodeLife, type LifePlan, lifeToReplay } from "./life-code.ts";
import { drawServerOptions, Life } from "./life.ts";
import { type Fault, faultsFor, type Step } from "./life-steps.ts";
import {
  type Caller,
  findCaller,
  LIFE_VARIABLE,
  replayCommand,
} from "./replay.ts";
import {
  playOnce,
  SimulationError,
  type SimulateOptions,
  type SimulationResult,
} from "./simulate.ts";
import { Draws } from "./simulation/draws.ts";
import { legible, StepsArbitrary } from "./steps-arbitrary.ts";
import { fc } from "./user-fast-check.ts";

export { type Fault, faults, type Step } from "./life-steps.ts";

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
 * States a law that several lives are held against; where it stands among their
 * options, as `laws: { [name]: holds }`, the compiler knows the model by itself.
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
  readonly paths?: FastCheck.Arbitrary<string>;
  /** What clients say. */
  readonly messages?: FastCheck.Arbitrary<string>;
  /** What may go wrong, or is asked of the server; everything that can happen to so many instances. */
  readonly faults?: readonly Fault[];
  /** At most so many steps; 40. */
  readonly maxSteps?: number;
  /** Varies the server's options as well, in so far as they are not given. */
  readonly variesOptions?: boolean;
  /** What the service should know, made anew for each life. */
  readonly model?: () => Model;
  /** The service has been given a message: what it should know now. */
  readonly accepted?: (model: Model, message: GivenMessage) => void;
  /** Each by its name, a sentence: returns `false`, or throws, when it is broken. Or what {@link law} has made. */
  readonly laws?:
    readonly Law<Model>[] | Readonly<Record<string, Law<Model>["holds"]>>;
  /** Is told how each life ended that broke no law. */
  readonly onEnd?: (result: SimulationResult) => void;
  /** Numbers that are what they were before, once every connection has gone. */
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
 *     laws: { "nobody is told twice": ({ clients }) => clients.every(hasNoDoubles) },
 *   }),
 * );
 * ```
 */
export function lives<Model = undefined>(
  options: LivesOptions<Model>,
): FastCheck.IAsyncProperty<[number, Step[]]> {
  const {
    faults = faultsFor(options.instances ?? 1, options.server?.admin === true),
    paths = fc.constant("/"),
    messages = fc.constant("hello"),
    maxSteps = 40,
  } = options;
  const caller = findCaller();
  const replayed = lifeToReplay();
  if (replayed !== undefined) return replayOf(options, replayed, caller);
  return fc.asyncProperty(
    fc.noShrink(fc.integer({ min: 1, max: 2 ** 31 - 1 })),
    new StepsArbitrary({ faults, paths, messages, maxSteps }),
    (seed, steps) => liveOnce(options, { seed, steps }, caller),
  );
}

/** One life, and no other: once it was lived there is nothing left to see. */
function replayOf<Model>(
  options: LivesOptions<Model>,
  plan: LifePlan,
  caller: Caller,
): FastCheck.IAsyncProperty<[number, Step[]]> {
  let isOver = false;
  return fc.asyncProperty<[number, Step[]]>(
    fc.constant(plan.seed),
    fc.constant(plan.steps.map(legible)),
    async () => {
      if (!isOver) await liveOnce(options, plan, caller);
      isOver = true;
    },
  );
}

async function liveOnce<Model>(
  options: LivesOptions<Model>,
  { seed, steps }: LifePlan,
  caller: Caller,
): Promise<void> {
  const { accepted, gauges = {} } = options;
  const model = options.model?.() as Model;
  const before = new Map(
    Object.entries(gauges).map(([name, read]) => [name, read()]),
  );
  const draws = new Draws(seed, "options");
  const drawn: ServerOptions = options.variesOptions
    ? drawServerOptions(draws)
    : {};
  let life: Life | undefined;
  const played = playOnce(
    {
      ...(options.variesOptions === true && {
        shards: 1 + draws.of("shards").below(3),
      }),
      rareBranches: true,
      ...options,
      server: { ...drawn, ...options.server },
      onMessage: (name, data) => {
        const client = life?.clients.find((each) => each.name === name);
        accepted?.(model, { client, data, text: data.toString() });
      },
      atTheEnd: () => {
        const end = { clients: life?.clients ?? [], model };
        for (const each of lawsOf(options)) hold(each, end);
        for (const [name, read] of Object.entries(gauges)) {
          const [is, was] = [read(), before.get(name)];
          if (is !== was)
            throw new Error(
              `broken: ${name} is what it was, when everybody has gone\n  it was ${was}, and is ${is}`,
            );
        }
      },
    },
    seed,
    async (scene) => {
      life = new Life(scene);
      await life.play(steps);
      await life.recover();
    },
    caller,
  );
  const result = await played.catch((error: unknown) => {
    if (!(error instanceof SimulationError)) throw error;
    const { complaint, story, breaches, cause } = error;
    throw new SimulationError(complaint, {
      seed,
      story,
      breaches,
      steps: life?.told ?? [],
      replay: replayCommand(LIFE_VARIABLE, encodeLife({ seed, steps }), caller),
      cause,
    });
  });
  options.onEnd?.(result);
}

function lawsOf<Model>({
  laws = [],
}: LivesOptions<Model>): readonly Law<Model>[] {
  return Array.isArray(laws)
    ? (laws as readonly Law<Model>[])
    : Object.entries(laws).map(([name, holds]) => law(name, holds));
}

/** @throws Error that names the law, when it is broken */
function hold<Model>({ name, holds }: Law<Model>, end: LifeEnd<Model>): void {
  let held: unknown;
  try {
    held = holds(end);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`broken: ${name}\n  ${why}`, { cause });
  }
  if (held instanceof Promise)
    throw new TypeError(
      `the law "${name}" is async: everything is over by then, and nobody waits for it; return false or throw at once`,
    );
  if (held === false) throw new Error(`broken: ${name}`);
}
