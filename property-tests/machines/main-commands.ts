import * as fc from "fast-check";
import type { ShardEvent } from "../../src/machines/shard-machine.ts";
import { replay } from "../support/laws.ts";
import { MainSimulation, type SimulatedShard } from "./main-simulation.ts";

type Model = Record<string, never>;

/** Something that happens to a server in simulated time. */
abstract class Command implements fc.Command<Model, MainSimulation> {
  check(): boolean {
    return true;
  }

  run(_model: Model, main: MainSimulation): void {
    this.happen(main);
    for (const look of main.looks) look();
  }

  abstract happen(main: MainSimulation): void;
  abstract toString(): string;
}

class ServerListens extends Command {
  happen(main: MainSimulation): void {
    main.listens();
  }
  toString(): string {
    return "the server listens";
  }
}

class ServerFails extends Command {
  happen(main: MainSimulation): void {
    main.fails();
  }
  toString(): string {
    return "the server fails";
  }
}

class ShutdownIsRequested extends Command {
  readonly #deadlineMs: number;
  readonly #isClustered: boolean;
  constructor(deadlineMs: number, isClustered: boolean) {
    super();
    this.#deadlineMs = deadlineMs;
    this.#isClustered = isClustered;
  }
  happen(main: MainSimulation): void {
    main.shutDown(this.#deadlineMs, this.#isClustered);
  }
  toString(): string {
    const where = this.#isClustered ? "in a cluster, " : "";
    return `shutdown is requested ${where}within ${this.#deadlineMs} ms`;
  }
}

class TurnIsGranted extends Command {
  happen(main: MainSimulation): void {
    main.grantTurn();
  }
  toString(): string {
    return "it is the server's turn to drain";
  }
}

class ShutdownIsForced extends Command {
  happen(main: MainSimulation): void {
    main.force();
  }
  toString(): string {
    return "shutdown is forced";
  }
}

class ShutdownIsCalledOff extends Command {
  happen(main: MainSimulation): void {
    main.callOff();
  }
  toString(): string {
    return "shutdown is called off";
  }
}

class TimePasses extends Command {
  readonly #ms: number;
  constructor(ms: number) {
    super();
    this.#ms = ms;
  }
  happen({ clock }: MainSimulation): void {
    clock.advance(this.#ms);
  }
  toString(): string {
    return `${this.#ms} ms pass`;
  }
}

/** Something that a thread says, or that becomes of it. */
abstract class ThreadCommand extends Command {
  readonly #index: number;
  constructor(index: number) {
    super();
    this.#index = index;
  }
  happen({ shards }: MainSimulation): void {
    const shard = shards[this.#index];
    // A thread that is gone says nothing any more.
    if (shard !== undefined && !shard.isGone) this.befall(shard);
  }
  toString(): string {
    return `thread ${this.#index} ${this.sentence}`;
  }
  abstract readonly sentence: string;
  abstract befall(shard: SimulatedShard): void;
}

class ThreadIsReady extends ThreadCommand {
  readonly sentence = "is ready";
  befall(shard: SimulatedShard): void {
    shard.send({ type: "shard.ready" });
  }
}
class ThreadHasTold extends ThreadCommand {
  readonly sentence = "has told everyone";
  befall(shard: SimulatedShard): void {
    shard.send({ type: "shard.told" });
  }
}
class ThreadEnds extends ThreadCommand {
  readonly sentence = "ends";
  befall(shard: SimulatedShard): void {
    shard.endThread();
  }
}
class ShardIsSuspended extends ThreadCommand {
  readonly sentence = "is given no new sockets";
  befall(shard: SimulatedShard): void {
    shard.send({ type: "shard.suspended" });
  }
}
class ShardIsResumed extends ThreadCommand {
  readonly sentence = "is given new sockets again";
  befall(shard: SimulatedShard): void {
    shard.send({ type: "shard.resumed" });
  }
}
/** What a thread might say in error, or too late. */
class ThreadSays extends ThreadCommand {
  readonly #event: ShardEvent;
  readonly sentence: string;
  constructor(index: number, event: ShardEvent) {
    super(index);
    this.#event = event;
    this.sentence = `says ${event.type} out of turn`;
  }
  befall(shard: SimulatedShard): void {
    shard.send(this.#event);
  }
}

const threads = fc.nat(1);
const at = (Kind: new (index: number) => Command): fc.Arbitrary<Command> =>
  threads.map((index) => new Kind(index));

export const mainWalks = fc.commands<Model, MainSimulation>(
  [
    at(ThreadIsReady),
    at(ThreadIsReady),
    at(ThreadHasTold),
    at(ThreadEnds),
    at(ShardIsSuspended),
    at(ShardIsResumed),
    fc
      .tuple(
        threads,
        fc.constantFrom<ShardEvent>(
          { type: "shard.ready" },
          { type: "shard.told" },
        ),
      )
      .map(([index, event]) => new ThreadSays(index, event)),
    fc.constant(new ServerListens()),
    fc.constant(new ServerListens()),
    fc.constant(new ServerFails()),
    fc
      .tuple(fc.integer({ min: 0, max: 12_000 }), fc.boolean())
      .map(
        ([deadlineMs, isClustered]) =>
          new ShutdownIsRequested(deadlineMs, isClustered),
      ),
    fc.constant(new TurnIsGranted()),
    fc.constant(new ShutdownIsCalledOff()),
    fc.constant(new ShutdownIsForced()),
    fc.integer({ min: 1, max: 5_000 }).map((ms) => new TimePasses(ms)),
    fc.integer({ min: 1, max: 5_000 }).map((ms) => new TimePasses(ms)),
  ],
  { size: "+1", maxCommands: 40, ...replay() },
);

/** Lets a walk happen, and looks after each of its commands. */
export function walkMainThrough(
  commands: Iterable<fc.Command<Model, MainSimulation>>,
  look: (main: MainSimulation) => void = () => {},
): MainSimulation {
  const main = new MainSimulation();
  main.looks.push(() => look(main));
  fc.modelRun(() => ({ model: {}, real: main }), commands);
  return main;
}
