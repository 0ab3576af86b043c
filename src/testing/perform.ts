import type { ShutdownReport } from "../main/report.ts";
import { checkModule } from "./handlers-module.ts";
import { makeRealScene } from "./real/real-scene.ts";
import { Stage } from "./real/stage.ts";
import type { Scene } from "./scene.ts";
import type { Breach } from "./simulation/law.ts";
import { refuseFakeTimers } from "./simulation/virtual-globals.ts";
import type { SimulateOptions } from "./simulate.ts";
import { complain, tellStory } from "./story.ts";

/** What a performance is made of. */
export interface PerformOptions extends Omit<
  SimulateOptions,
  "handlers" | "seeds" | "rareBranches" | "latencyMs"
> {
  /** The URL of the handlers' module: threads load it themselves. */
  readonly handlers: URL;
  /** NATS servers, for several instances: each is a server of its own in this process. */
  readonly nats?: string | readonly string[];
  /** A client waits no longer than this for what it was promised; 4,000 ms, less than a test runner waits. */
  readonly patienceMs?: number;
}

/** How a performance ended. */
export interface PerformResult {
  readonly story: readonly string[];
  /** Of the first instance. */
  readonly report: ShutdownReport;
}

/** A script failed on real threads, or a law was broken there; the message tells the story. */
export class PerformError extends Error {
  override readonly name = "PerformError";
  readonly story: readonly string[];
  readonly breaches: readonly Breach[];

  constructor(
    message: string,
    story: readonly string[],
    breaches: readonly Breach[],
    cause?: unknown,
  ) {
    super(
      `${message}\n\nwhat happened, on real threads:\n${tellStory(story)}`,
      cause === undefined ? {} : { cause },
    );
    this.story = story;
    this.breaches = breaches;
  }
}

const PATIENCE_MS = 4_000;

/**
 * Plays the same script as `simulate` on real threads: a real server, real
 * sockets, real time. Nothing is drawn, and nothing can be played again; what
 * only a simulation can do (clocks that jump, processes that are killed, a NATS
 * that is cut) throws a sentence that says so.
 *
 * When the script is over the server is shut down. Then no hook may have thrown,
 * the ledger has to add up, and nothing may have followed a close frame; the
 * other laws take a look inside that only a simulation has.
 *
 * @returns how it ended
 * @throws PerformError when the script throws or a law is broken, with the story
 *
 * @example
 * ```ts
 * await perform({ handlers: new URL("echo.ts", import.meta.url) }, async ({ open }) => {
 *   const ann = await open("/");
 *   ann.send("hello");
 *   assert.equal(await ann.next(), "hello");
 * });
 * ```
 */
export async function perform(
  options: PerformOptions,
  script: (scene: Scene) => Promise<void> | void,
): Promise<PerformResult> {
  refuseFakeTimers("real threads keep real time");
  const stage = new Stage({
    handlers: moduleOf(options),
    shards: options.shards ?? 1,
    instances: options.instances ?? 1,
    server: options.server ?? {},
    nats: natsOf(options),
    ...(options.onMessage !== undefined && { onMessage: options.onMessage }),
  });
  try {
    await stage.start();
    const { seed = 1, patienceMs = PATIENCE_MS } = options;
    return await play(stage, options, async () => {
      await script(makeRealScene(stage, { seed, patienceMs }));
    });
  } finally {
    await stage.clear();
  }
}

async function play(
  stage: Stage,
  { atTheEnd, exceptLaws = [] }: PerformOptions,
  script: () => Promise<void>,
): Promise<PerformResult> {
  const { story } = stage;
  let reports: readonly ShutdownReport[];
  try {
    await script();
    reports = await stage.endServers();
    atTheEnd?.();
  } catch (cause) {
    throw new PerformError(complain({ cause }, []), story, [], cause);
  }
  const breaches = (await stage.findBreaches(reports)).filter(
    ({ law }) => !exceptLaws.includes(law),
  );
  if (breaches.length > 0)
    throw new PerformError(complain(undefined, breaches), story, breaches);
  return { story, report: reports[0] as ShutdownReport };
}

function moduleOf({ handlers }: { readonly handlers: unknown }): URL {
  if (typeof handlers === "function")
    throw new TypeError(
      'handlers: a function makes them in this thread, and real shards have threads of their own; give the URL of a module, such as new URL("handlers.ts", import.meta.url)',
    );
  return checkModule(handlers);
}

function natsOf({
  nats = [],
  instances = 1,
}: PerformOptions): readonly string[] {
  const servers = typeof nats === "string" ? [nats] : nats;
  if (instances > 1 && servers.length === 0)
    throw new TypeError(
      `instances: ${instances} real servers are linked by a real NATS; say where it is, as in { instances: ${instances}, nats: "nats://127.0.0.1:4222" }`,
    );
  return servers;
}
