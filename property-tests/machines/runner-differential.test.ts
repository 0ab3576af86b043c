import * as fc from "fast-check";
import { createActor, type Actor } from "xstate";
import { describe } from "vitest";
import { connectionTable } from "../../src/machines/connection-table.ts";
import {
  type ConnectionActionType,
  type ConnectionDelay,
  type ConnectionEventType,
  connectionDelays,
  connectionEvents,
  connectionMachine,
} from "../../src/machines/connection-machine.ts";
import type { TableState } from "../../src/machines/transition-table.ts";
import {
  type LifecycleHost,
  LifecycleRunner,
} from "../../src/workers/lifecycle/runner.ts";
import type { WheelEntry } from "../../src/workers/lifecycle/timer-wheel.ts";
import { law } from "../support/laws.ts";
import { FakeClock } from "../../test/support/fake-clock.ts";
import { pathOf } from "./exploration.ts";

/**
 * A delay on the wheel ends with the tick in which it is due. Half a tick less
 * than a whole number of them ends at exactly the moment at which an actor's
 * delay of that number ends.
 */
const HALF_A_TICK_MS = 0.5;

const delayNames = Object.keys(connectionDelays) as ConnectionDelay[];
const verbs = Object.keys(
  connectionMachine.implementations.actions,
) as ConnectionActionType[];

/** What a verb sends to its own connection while it runs, by the verb's name. */
type Reactions = ReadonlyMap<string, readonly ConnectionEventType[]>;

interface Script {
  readonly reactions: Reactions;
  /** Asked anew each time that a delay is armed, as deadlines are. */
  readonly delays: readonly number[];
}

/** One life with everything that can be seen of it, in order. */
abstract class Life {
  readonly lines: string[] = [];
  readonly #script: Script;
  readonly #clock: FakeClock;
  #delaysAsked = 0;
  #reactions = 0;

  constructor(script: Script, clock: FakeClock) {
    this.#script = script;
    this.#clock = clock;
  }

  abstract get state(): string;
  abstract send(event: ConnectionEventType): void;

  perform(verb: string, params: unknown): void {
    this.lines.push(
      `${this.#clock.now()} ${verb} ${JSON.stringify(params ?? null)}`,
    );
    // An actor that always answers itself would never fall silent.
    if (this.#reactions >= 40) return;
    for (const event of this.#script.reactions.get(verb) ?? []) {
      this.#reactions++;
      this.send(event);
    }
  }

  askDelay(name: string): number {
    const { delays } = this.#script;
    const ms = delays[this.#delaysAsked++ % delays.length] as number;
    this.lines.push(`${this.#clock.now()} ${name} armed for ${ms}`);
    return ms;
  }
}

/** As XState runs it. */
class ActorLife extends Life {
  readonly #actor: Actor<typeof connectionMachine>;

  constructor(script: Script, clock: FakeClock) {
    super(script, clock);
    const actions = Object.fromEntries(
      verbs.map((verb) => [
        verb,
        (_: unknown, params: unknown) => this.perform(verb, params),
      ]),
    );
    const delays = Object.fromEntries(
      delayNames.map((name) => [name, () => this.askDelay(name)]),
    );
    const machine = connectionMachine.provide({
      actions,
      delays,
    });
    this.#actor = createActor(machine, { clock }).start();
  }

  get state(): string {
    return pathOf(this.#actor.getSnapshot().value);
  }

  send(event: ConnectionEventType): void {
    // To one that has ended nothing is sent: it would only warn of it.
    if (this.#actor.getSnapshot().status === "active")
      this.#actor.send({ type: event });
  }
}

/** As a shard runs it: on a runner that it shares with others. */
class RunnerLife extends Life implements LifecycleHost<ConnectionEventType> {
  lifecycle: TableState = connectionTable.initial.target;
  enteredAt = 0;
  mailbox: ConnectionEventType[] | null = null;
  wheelNext: WheelEntry | null = null;
  wheelPrevious: WheelEntry | null = null;
  wheelDue = 0;
  readonly #runner: Runner;

  constructor(script: Script, clock: FakeClock, runner: Runner) {
    super(script, clock);
    this.#runner = runner;
    runner.start(this);
  }

  get state(): string {
    return this.lifecycle.name;
  }

  send(event: ConnectionEventType): void {
    this.#runner.send(this, event);
  }
}

type Runner = LifecycleRunner<ConnectionEventType, RunnerLife>;

function createRunner(clock: FakeClock): Runner {
  return new LifecycleRunner<ConnectionEventType, RunnerLife>({
    table: connectionTable,
    clock,
    wheel: { tickMs: 1, slots: 16 },
    observe: () => {},
    actions: Object.fromEntries(
      verbs.map((verb) => [
        verb,
        (life: RunnerLife, params: unknown) => life.perform(verb, params),
      ]),
    ),
    delays: Object.fromEntries(
      delayNames.map((name) => [
        name,
        (life: RunnerLife) => life.askDelay(name) - HALF_A_TICK_MS,
      ]),
    ),
  });
}

type Step =
  | { kind: "send"; life: number; event: ConnectionEventType }
  | { kind: "pass"; ms: number };

const LIVES = 3;

const scripts = fc.record({
  reactions: fc
    .array(
      fc.tuple(
        fc.constantFrom(...verbs),
        fc.array(fc.constantFrom(...connectionEvents), {
          minLength: 1,
          maxLength: 3,
        }),
      ),
      { maxLength: 5 },
    )
    .map((pairs): Reactions => new Map(pairs)),
  delays: fc.array(fc.integer({ min: 1, max: 60 }), {
    minLength: 1,
    maxLength: 6,
  }),
});

const steps = fc.array(
  fc.oneof(
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constant("send" as const),
        life: fc.nat(LIVES - 1),
        event: fc.constantFrom(...connectionEvents),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant("pass" as const),
        ms: fc.integer({ min: 1, max: 70 }),
      }),
    },
  ),
  { maxLength: 80, size: "max" },
);

/** Walks both side by side and compares after each step. */
function walk(
  script: Script,
  walked: readonly Step[],
  isSame: (runner: RunnerLife, actor: ActorLife, since: number) => boolean,
): void {
  const clock = new FakeClock(0);
  const runner = createRunner(clock);
  const pairs = Array.from({ length: LIVES }, () => ({
    actor: new ActorLife(script, clock),
    runner: new RunnerLife(script, clock, runner),
    /** Lines that were found to be the same. */
    compared: 0,
  }));
  const compare = (step: Step): void => {
    for (const pair of pairs) {
      const since = pair.compared;
      pair.compared = pair.actor.lines.length;
      if (!isSame(pair.runner, pair.actor, since))
        throw new Error(
          [
            `after ${JSON.stringify(step)}`,
            `the actor is ${pair.actor.state}:`,
            ...pair.actor.lines,
            `the runner is ${pair.runner.state}:`,
            ...pair.runner.lines,
          ].join("\n"),
        );
    }
  };
  for (const step of walked) {
    if (step.kind === "pass") clock.advance(step.ms);
    else {
      pairs[step.life]?.actor.send(step.event);
      pairs[step.life]?.runner.send(step.event);
    }
    compare(step);
  }
  // Whatever is armed on one side is armed on the other.
  const armed = pairs.filter(({ runner: { wheelNext } }) => wheelNext !== null);
  if (runner.armedDelays !== armed.length)
    throw new Error(`the wheel counts ${runner.armedDelays} delays wrongly`);
  clock.advance(1_000);
  compare({ kind: "pass", ms: 1_000 });
  if (clock.waiting > 0) throw new Error("a timer outlasted its delay");
}

describe("the lifecycle runner beside XState's own actor", () => {
  law(
    "is in the same state after every event and every move of the clock",
    fc.property(scripts, steps, (script, walked) =>
      walk(script, walked, (runner, actor) => runner.state === actor.state),
    ),
    { runs: 400 },
  );

  law(
    "performs the same actions with the same parameters, in the same order, at the same time, and arms the same delays",
    fc.property(scripts, steps, (script, walked) =>
      walk(
        script,
        walked,
        (runner, actor, since) =>
          runner.lines.length === actor.lines.length &&
          runner.lines
            .slice(since)
            .every((line, index) => line === actor.lines[since + index]),
      ),
    ),
    { runs: 400 },
  );
});
