import { isDeepStrictEqual } from "node:util";
import {
  type AnyMachineSnapshot,
  type AnyStateMachine,
  type EventFromLogic,
  initialTransition,
  type InputFrom,
  transition,
} from "xstate";
import { getShortestPaths } from "xstate/graph";
import type { Handlers } from "../handlers.ts";
import { type Actors, actorsOf } from "../protocol/actor-host.ts";
import { simulate, type SimulateOptions } from "./simulate.ts";
import type { Client } from "./scene-client.ts";
import type { Scene } from "./scene.ts";

/** What a walk through a machine is made of. */
export interface WalkOptions<Machine extends AnyStateMachine> extends Omit<
  SimulateOptions,
  "handlers" | "seeds" | "atTheEnd"
> {
  /** The machine by itself. */
  readonly machine: Machine;
  /** Makes the handlers that run it, once for each shard. */
  // oxlint-disable-next-line typescript/no-explicit-any -- whatever data they keep
  readonly handlers: () => Handlers<any> | Promise<Handlers<any>>;
  /** Everything that a client may say. */
  readonly events: readonly EventFromLogic<Machine>[];
  /** What a client sends to say it. */
  readonly encode: (event: EventFromLogic<Machine>) => string | Uint8Array;
  /** The machine's input. */
  readonly input?: InputFrom<Machine>;
  /** What the client asks for; `/`. */
  readonly path?: string;
  /** After how many steps a search gives up; 1,000. */
  readonly limit?: number;
  /** Happens between two steps; by default the connection moves to another shard. */
  readonly between?: (scene: Scene, client: Client) => Promise<void> | void;
}

/** What was walked. */
export interface WalkResult {
  /** The states that were reached, by name. */
  readonly states: readonly string[];
  readonly paths: number;
}

/**
 * Takes the shortest path to each state of a machine that what clients say can
 * lead to, with `xstate/graph`, and plays each against the handlers in a
 * simulated server: the connection moves between any two steps, and in the end
 * its actor has to be where the machine alone would be. The laws that hold for
 * every service are held as well.
 *
 * States are told apart by their value, not by their context. Beyond a state
 * that is tagged `busy`, or in which something is invoked, no path leads: what
 * comes of that is not the machine's to say.
 *
 * @throws SimulationError when the actor is elsewhere or a law is broken, with
 *   the story
 */
export async function walkMachine<Machine extends AnyStateMachine>(
  options: WalkOptions<Machine>,
): Promise<WalkResult> {
  const paths = pathsOf(options);
  const states = new Set<string>();
  for (const path of paths) {
    await walk(options, path);
    states.add(JSON.stringify(path.state.value).replaceAll('"', ""));
  }
  return { states: [...states], paths: paths.length };
}

interface Path {
  readonly state: AnyMachineSnapshot;
  readonly events: readonly { readonly type: string }[];
}

function pathsOf<Machine extends AnyStateMachine>({
  machine,
  events,
  input,
  limit = 1_000,
}: WalkOptions<Machine>): Path[] {
  // What is checked where this is called cannot be followed here.
  const any: AnyStateMachine = machine;
  const [initial] = initialTransition(any, input);
  const [opened] = transition(any, initial, { type: "opened" });
  const isOver = (state: AnyMachineSnapshot): boolean =>
    state.status !== "active" ||
    state.hasTag("busy") ||
    Object.keys(state.children).length > 0;
  return getShortestPaths(any, {
    fromState: opened,
    events: (state) => (isOver(state) ? [] : events),
    serializeState: ({ value }) => JSON.stringify(value),
    limit,
  }).map(({ state, steps }) => ({
    state,
    // The first is how XState begins.
    events: steps.map(({ event }) => event).filter(({ type }) => type !== INIT),
  }));
}

const INIT = "xstate.init";

function walk<Machine extends AnyStateMachine>(
  options: WalkOptions<Machine>,
  { state, events }: Path,
): Promise<unknown> {
  const { encode, between = move, path = "/" } = options;
  const made: Actors[] = [];
  const handlers = async (): Promise<Handlers> => {
    const each = (await options.handlers()) as Handlers;
    const actors = actorsOf(each);
    if (actors === undefined)
      throw new TypeError("handlers: takes what machineHandlers makes");
    made.push(actors);
    return each;
  };
  return simulate({ shards: 2, ...options, handlers }, async (scene) => {
    const client = await scene.open(path);
    for (const event of events) {
      await between(scene, client);
      client.send(encode(event as EventFromLogic<Machine>));
      await arrived(scene);
    }
    const is = made.flatMap((actors) => actors.population());
    const ought = state.status === "active" ? statesWithin(state.value) : [];
    const isThere = isDeepStrictEqual(
      new Set(is.filter(([, count]) => count > 0).map(([name]) => name)),
      new Set(ought),
    );
    if (!isThere)
      throw new Error(
        `broken: the actor is where the machine alone would be\n  it is in ${is.map(([name]) => name).join(", ") || "no state"}, and ought to be in ${ought.join(", ") || "none"}`,
      );
  });
}

/** Longer than the network takes, and shorter than what machines wait for. */
const ARRIVAL_MS = 8;

async function arrived({ time, settle }: Scene): Promise<void> {
  await settle();
  await time.advance(ARRIVAL_MS);
}

async function move({ server, shards }: Scene): Promise<void> {
  for (const { index } of shards)
    await server.drain({ shard: index, move: true }).done;
}

function statesWithin(value: unknown, parent = ""): string[] {
  if (typeof value === "string") return [`${parent}${value}`];
  return Object.entries(value as object).flatMap(([name, child]) => [
    `${parent}${name}`,
    ...statesWithin(child, `${parent}${name}.`),
  ]);
}
