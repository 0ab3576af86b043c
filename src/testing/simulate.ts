import { resolveConfig, type ServerOptions } from "../config.ts";
import type { Handlers } from "../handlers.ts";
import type { ShutdownReport } from "../main/report.ts";
import { checkHandlers } from "../workers/load-handlers.ts";
import { defaultExportOf } from "../config/default-export.ts";
import { checkModule } from "./handlers-module.ts";
import { loadInstance } from "./load-instance.ts";
import {
  type Caller,
  findCaller,
  replayCommand,
  SEED_VARIABLE,
  seedToReplay,
} from "./replay.ts";
import { makeScene, type Scene } from "./scene.ts";
import type { Breach } from "./simulation/law.ts";
import { findBreaches } from "./simulation/laws.ts";
import type { SimService } from "./simulation/sim-service.ts";
import { World } from "./simulation/world.ts";
import { complain, tellSteps, tellStory } from "./story.ts";

/** What a simulation is made of. */
export interface SimulateOptions {
  /**
   * The handlers: the URL of their module, of which each shard gets an instance
   * of its own; or what makes them, called once for each shard, where mocks and
   * coverage of the test runner are to apply.
   */
  // oxlint-disable-next-line typescript/no-explicit-any -- whatever data they keep
  readonly handlers: URL | (() => Handlers<any> | Promise<Handlers<any>>);
  /** How many instances, linked by NATS; 1, which is by itself. */
  readonly instances?: number;
  /** How many shards each has; 1. */
  readonly shards?: number;
  /** Options of the server, as for `serve`. */
  readonly server?: Omit<ServerOptions, "handlers" | "workers">;
  /** Of all that is left to chance; 1. The same seed gives the same story. */
  readonly seed?: number;
  /** Plays the script with so many seeds, from `seed` on; 1. */
  readonly seeds?: number;
  /**
   * Makes happen what seldom does: writes that are taken in part, handles that
   * close while they travel, timers that fire late …; off. The result says how often.
   */
  readonly rareBranches?: boolean;
  /** What the network takes from end to end, in milliseconds; 0.1 to 3. */
  readonly latencyMs?: readonly [number, number];
  /** Is told of each message that is given to the hook `message`, and by whom. */
  readonly onMessage?: (client: string | undefined, data: Buffer) => void;
  /** Laws of your own, held when the server has ended and everybody has gone; throws where one is broken. */
  readonly atTheEnd?: () => void;
  /** Laws that do not hold for these handlers, and need not. */
  readonly exceptLaws?: readonly string[];
}

/** How a simulation ended. */
export interface SimulationResult {
  readonly story: readonly string[];
  /** Of the process that served last; there is none when that was killed, and reading it throws. */
  readonly report: ShutdownReport;
  /** Of everything that happened: the same for the same seed. */
  readonly hash: string;
  readonly steps: number;
  /** How often each rare branch was taken. */
  readonly rare: Readonly<Record<string, number>>;
}

/** What has failed, for the error. */
export interface SimulationFailure {
  readonly seed: number;
  readonly story: readonly string[];
  readonly breaches: readonly Breach[];
  /** The command that plays it again. */
  readonly replay: string;
  /** Of a random life: what was done, a sentence for each step. */
  readonly steps?: readonly string[];
  readonly cause?: unknown;
}

/** A law was broken, or the script failed; the message tells the story. */
export class SimulationError extends Error {
  override readonly name: string = "SimulationError";
  /** What is wrong, without the story. */
  readonly complaint: string;
  readonly seed: number;
  readonly story: readonly string[];
  readonly breaches: readonly Breach[];
  /** The command that plays it again. */
  readonly replay: string;
  /** Of a random life: what was done, a sentence for each step; none of a script. */
  readonly steps: readonly string[];

  constructor(complaint: string, failure: SimulationFailure) {
    const { seed, story, breaches, replay, cause, steps = [] } = failure;
    const parts = [
      complaint,
      ...(steps.length === 0 ? [] : [`the story:\n${tellSteps(steps)}`]),
      `what happened (seed ${seed}):\n${tellStory(story)}`,
      `play it again${steps.length === 0 ? ` with { seed: ${seed} }` : ""}:\n  ${replay}`,
    ];
    super(parts.join("\n\n"), cause === undefined ? {} : { cause });
    this.steps = steps;
    this.complaint = complaint;
    this.seed = seed;
    this.story = story;
    this.breaches = breaches;
    this.replay = replay;
  }
}

/**
 * Plays a script against handlers in a simulated server. When the script is
 * over the server is shut down, unless the script has done so, and all of it is
 * held against the laws that hold for every service.
 *
 * @returns how it ended, with the last seed
 * @throws SimulationError when the script throws or a law is broken, with the
 *   story and the seed that plays it again
 *
 * @example
 * ```ts
 * await simulate({ handlers: new URL("echo.ts", import.meta.url) }, async ({ open }) => {
 *   const ann = await open("/");
 *   ann.send("hello");
 *   assert.equal(await ann.next(), "hello");
 * });
 * ```
 */
export async function simulate(
  options: SimulateOptions,
  script: (scene: Scene) => Promise<void> | void,
): Promise<SimulationResult> {
  const caller = findCaller();
  const replayed = seedToReplay();
  if (replayed !== undefined)
    return await playOnce(options, replayed, script, caller);
  const { seed = 1, seeds = 1 } = options;
  let result: SimulationResult | undefined;
  for (let each = seed; each < seed + seeds; each++)
    result = await playOnce(options, each, script, caller);
  if (result === undefined)
    throw new RangeError(`seeds: got ${seeds}, takes a whole number from 1 on`);
  return result;
}

async function loadHandlersOf({
  handlers,
}: SimulateOptions): Promise<Handlers> {
  if (typeof handlers === "function")
    return checkHandlers("the factory's result", await handlers());
  const imported = await loadInstance(checkModule(handlers));
  return checkHandlers(handlers.href, defaultExportOf(imported));
}

/**
 * Plays a script with one seed.
 *
 * @param caller - Of the kit, for the command that plays it again.
 */
export async function playOnce(
  options: SimulateOptions,
  seed: number,
  script: (scene: Scene) => Promise<void> | void,
  caller: Caller,
): Promise<SimulationResult> {
  const server: ServerOptions = {
    admin: false,
    origins: "any",
    ...options.server,
    port: 0,
    workers: options.shards ?? 1,
  };
  const config = resolveConfig(server);
  refuseUnsimulated(config);
  if (typeof options.handlers !== "function") checkModule(options.handlers);
  const world = new World({
    seed,
    server,
    loadHandlers: () => loadHandlersOf(options),
    ...(options.latencyMs !== undefined && { latencyMs: options.latencyMs }),
    ...(options.rareBranches !== undefined && {
      rareBranches: options.rareBranches,
    }),
    ...(options.instances !== undefined && { instances: options.instances }),
  });
  try {
    world.monitor.onMessage = options.onMessage;
    await world.start();
    const scene = makeScene(world, seed);
    let failure: { readonly cause: unknown } | undefined;
    try {
      await script(scene);
    } catch (cause) {
      failure = { cause };
    }
    await world.endServices();
    const report = await lastReport(world);
    await world.calm();
    try {
      if (failure === undefined) options.atTheEnd?.();
    } catch (cause) {
      failure = { cause };
    }
    const breaches =
      failure === undefined
        ? findBreaches(world.describeLife(config), options.exceptLaws)
        : [];
    if (failure !== undefined || breaches.length > 0)
      throw new SimulationError(complain(failure, breaches), {
        seed,
        story: world.story,
        breaches,
        replay: replayCommand(SEED_VARIABLE, seed, caller),
        ...(failure !== undefined && { cause: failure.cause }),
      });
    const { story, hash, steps, rare } = world;
    return {
      story,
      hash,
      steps,
      rare: rare.counts,
      get report() {
        if (report !== undefined) return report;
        throw new Error(
          "the process that served last was killed: there is no report",
        );
      },
    };
  } finally {
    world.end();
  }
}

/**
 * Of the process that served last.
 *
 * @returns `undefined` when that was killed, or has not come to serve
 * @throws what its server failed with
 */
async function lastReport({
  services,
}: World): Promise<ShutdownReport | undefined> {
  const [{ current }] = services as [SimService];
  const { report, wasKilled, server } = current;
  // One that was to follow on a process that was killed may never have served.
  if (report !== undefined || wasKilled || server === undefined) return report;
  return await server.terminated;
}

function refuseUnsimulated(config: ReturnType<typeof resolveConfig>): void {
  const refused = [
    ["tlsKeyFile", config.tlsKeyFile !== undefined, "TLS"],
    ["compression", config.compression, "compression"],
  ] as const;
  if (config.nats.length > 0)
    throw new TypeError(
      "server.nats: a simulation has a NATS of its own; leave it out, and say how many instances there are",
    );
  for (const [option, isSet, what] of refused)
    if (isSet)
      throw new TypeError(
        `server.${option}: ${what} is not simulated; leave it out, and try it on real sockets`,
      );
}
