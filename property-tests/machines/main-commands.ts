import * as fc from "fast-check";
import type { ShardMessage } from "../../src/protocol/messages.ts";
import { replay } from "../support/laws.ts";
import { type MadeUpThread, MainSimulation } from "./main-simulation.ts";

type Model = Record<string, never>;

/** Something that happens to a server in simulated time. */
abstract class Command implements fc.AsyncCommand<Model, MainSimulation> {
  check(): boolean {
    return true;
  }

  async run(_model: Model, main: MainSimulation): Promise<void> {
    await this.happen(main);
    for (const look of main.looks) look();
  }

  abstract happen(main: MainSimulation): Promise<void>;
  abstract toString(): string;
}

class PortIsTaken extends Command {
  happen(main: MainSimulation): Promise<void> {
    main.takePort();
    return main.settle();
  }
  toString(): string {
    return "another process takes the port";
  }
}

class ServerFails extends Command {
  happen(main: MainSimulation): Promise<void> {
    return main.fail();
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
  happen(main: MainSimulation): Promise<void> {
    return main.shutDown(this.#deadlineMs, this.#isClustered);
  }
  toString(): string {
    const where = this.#isClustered ? "in a cluster, " : "";
    return `shutdown is requested ${where}within ${this.#deadlineMs} ms`;
  }
}

class TurnIsGranted extends Command {
  happen(main: MainSimulation): Promise<void> {
    return main.grantTurn();
  }
  toString(): string {
    return "it is the server's turn to drain";
  }
}

class ShutdownIsForced extends Command {
  happen(main: MainSimulation): Promise<void> {
    return main.force();
  }
  toString(): string {
    return "shutdown is forced";
  }
}

class ShutdownIsCalledOff extends Command {
  happen(main: MainSimulation): Promise<void> {
    main.callOff();
    return main.settle();
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
  happen(main: MainSimulation): Promise<void> {
    return main.pass(this.#ms);
  }
  toString(): string {
    return `${this.#ms} ms pass`;
  }
}

/** Something that a shard's thread says, or that becomes of it. */
abstract class ThreadCommand extends Command {
  readonly #index: number;
  constructor(index: number) {
    super();
    this.#index = index;
  }
  happen(main: MainSimulation): Promise<void> {
    const thread = main.threadOf(this.#index);
    if (thread !== undefined) this.befall(thread);
    return main.settle();
  }
  toString(): string {
    return `thread ${this.#index} ${this.sentence}`;
  }
  abstract readonly sentence: string;
  abstract befall(thread: MadeUpThread): void;
}

/** What a thread says, in turn or not. */
class ThreadSays extends ThreadCommand {
  readonly #message: ShardMessage;
  readonly sentence: string;
  constructor(index: number, message: ShardMessage) {
    super(index);
    this.#message = message;
    this.sentence = `says ${message.type}`;
  }
  befall(thread: MadeUpThread): void {
    thread.say(this.#message);
  }
}
class ThreadEnds extends ThreadCommand {
  readonly sentence = "ends";
  befall(thread: MadeUpThread): void {
    thread.finish();
  }
}

/** What is asked of a shard. */
class ShardIsDrained extends Command {
  readonly #index: number;
  constructor(index: number) {
    super();
    this.#index = index;
  }
  happen(main: MainSimulation): Promise<void> {
    const { lifecycle, face } = main.server;
    if (lifecycle.isServing) face.drain({ shard: this.#index });
    return main.settle();
  }
  toString(): string {
    return `shard ${this.#index} is drained`;
  }
}
class ShardIsResumed extends Command {
  readonly #index: number;
  constructor(index: number) {
    super();
    this.#index = index;
  }
  happen(main: MainSimulation): Promise<void> {
    main.server.face.resume(this.#index);
    return main.settle();
  }
  toString(): string {
    return `shard ${this.#index} is resumed`;
  }
}

const threads = fc.nat(1);
const at = (Kind: new (index: number) => Command): fc.Arbitrary<Command> =>
  threads.map((index) => new Kind(index));

const says = (message: ShardMessage): fc.Arbitrary<Command> =>
  threads.map((index) => new ThreadSays(index, message));
const isReady = says({ type: "ready", moveBlocker: undefined });
const hasTold = says({ type: "shutdown-notified" });

export const mainWalks = fc.commands<Model, MainSimulation, false>(
  [
    ...[isReady, isReady, isReady, hasTold, hasTold],
    says({ type: "emptied" }),
    at(ThreadEnds),
    at(ShardIsDrained),
    at(ShardIsResumed),
    fc.constant(new PortIsTaken()),
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
export async function walkMainThrough(
  commands: Iterable<fc.AsyncCommand<Model, MainSimulation>>,
  look: (main: MainSimulation) => void = () => {},
): Promise<MainSimulation> {
  const main = new MainSimulation();
  await main.begin();
  main.looks.push(() => look(main));
  await fc.asyncModelRun(() => ({ model: {}, real: main }), commands);
  return main;
}
