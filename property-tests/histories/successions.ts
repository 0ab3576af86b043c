/** What puts one process in the place of another. */
import { setTimeout as after } from "node:timers/promises";
import { until } from "../../test/support/within.ts";
import type { Answer, Standing } from "./generations.ts";
import {
  demand,
  type Effect,
  either,
  immovable,
  inProcess,
  Operation,
} from "./operation.ts";
import type { Permit, Scene } from "./scene.ts";
import { ABNORMAL } from "./speaker.ts";

export const MOST_GENERATIONS = 4;
const PATIENCE_MS = 60_000;

/** Every process that takes over is one. */
abstract class ProcessUpgrade extends Operation {
  override isPossible({ generations }: Scene): boolean {
    return generations.count < MOST_GENERATIONS;
  }
}

/** The new process serves; the one before ends by itself. */
function succeeded({ generations }: Scene, pid: number): void {
  generations.current = pid;
  generations.count++;
}

async function hasEnded({ generations }: Scene, pid: number): Promise<void> {
  await until(
    `process ${pid} has ended`,
    () => generations.endOf(pid) !== undefined,
    PATIENCE_MS,
  );
}

export class Upgrade extends ProcessUpgrade {
  readonly kind = "a new process takes over";

  async run(scene: Scene): Promise<Effect> {
    const { generations } = scene;
    const before = generations.current;
    generations.deploy("serves");
    const { body } = await scene.act("/api/upgrade");
    succeeded(scene, (JSON.parse(body) as { pid: number }).pid);
    await hasEnded(scene, before);
    return { permit: immovable };
  }
}

/** The one that was to take over has died, before it did or after. */
async function wake(
  scene: Scene,
  before: Standing,
  { status, body }: Answer,
): Promise<Effect> {
  if (status === 422) return takenAlong(before);
  demand(
    status === 200,
    `an upgrade whose process died came to ${status}: ${body}`,
  );
  // It had taken over already, and everything is lost with it.
  await hasEnded(scene, scene.generations.current);
  await scene.generations.startAgain();
  return { permit: either(immovable, (_, { code }) => code === ABNORMAL) };
}

/** The new process was born with copies of their sockets, and has nothing to do with them. */
export class UpgradeUnderResets extends ProcessUpgrade {
  readonly kind =
    "a new process takes over, and clients break off as it starts";

  async run(scene: Scene): Promise<Effect> {
    const { generations, speakers } = scene;
    const since = generations.log.length;
    const restless = speakers.filter(({ name }) => name % 2 === 0);
    const upgraded = new Upgrade().run(scene);
    // What it comes to is heard below, however early.
    upgraded.catch(() => {});
    await generations.logged(
      ({ event }) => event === "upgrading",
      since,
      PATIENCE_MS,
    );
    for (const speaker of restless) speaker.breakOff();
    const { permit } = await upgraded;
    return {
      permit: either(
        permit,
        (speaker, { code }) => code === ABNORMAL && restless.includes(speaker),
      ),
    };
  }
}

/** What a process that failed to take over has taken along. */
function takenAlong(before: Standing): Effect {
  return {
    permit: (_, { code }) => code === ABNORMAL,
    check: (seen, { ledger }) => {
      const away =
        ledger.movedOut -
        ledger.movedIn -
        before.ledger.movedOut +
        before.ledger.movedIn;
      demand(
        seen.length === away,
        `${away} had moved to the process that died, ${seen.length} have ended`,
      );
    },
  };
}

export class FailingUpgrade extends ProcessUpgrade {
  readonly kind: string;
  readonly #behaviour: "throws when it is loaded" | "dies while it takes over";

  constructor(
    behaviour: "throws when it is loaded" | "dies while it takes over",
  ) {
    super();
    this.#behaviour = behaviour;
    this.kind = `a process whose version ${behaviour} is to take over`;
  }

  override isPossible(scene: Scene): boolean {
    // Where nobody can move, nobody arrives to be the end of it.
    return (
      super.isPossible(scene) &&
      (this.#behaviour === "throws when it is loaded" ||
        !scene.circumstances.isSecure)
    );
  }

  async run(scene: Scene): Promise<Effect> {
    const { generations } = scene;
    const before = await generations.standing();
    const since = generations.log.length;
    generations.deploy(this.#behaviour, "bad");
    const upgraded = generations.ask("POST", "/api/upgrade");
    upgraded.catch(() => {});
    const { pid } = await generations.logged(
      ({ event }) => event === "taking-over",
      since,
      PATIENCE_MS,
    );
    const answer = await upgraded;
    generations.withdraw();
    if (this.#behaviour === "dies while it takes over") scene.killed.add(pid);
    return await wake(scene, before, answer);
  }
}

/** The new process is killed at some time of the upgrade. */
export class KillNew extends ProcessUpgrade {
  readonly kind = "a new process is killed";
  readonly #delayMs: number;

  constructor(delayMs: number) {
    super();
    this.#delayMs = delayMs;
  }

  async run(scene: Scene): Promise<Effect> {
    const { generations } = scene;
    const before = await generations.standing();
    const since = generations.log.length;
    const upgraded = generations.ask("POST", "/api/upgrade");
    upgraded.catch(() => {});
    const { pid } = await generations.logged(
      ({ event }) => event === "taking-over",
      since,
      PATIENCE_MS,
    );
    await after(this.#delayMs);
    scene.killed.add(pid);
    generations.signal(pid, "SIGKILL");
    return await wake(scene, before, await upgraded);
  }

  override toString(): string {
    return `a new process is killed ${this.#delayMs} ms after it has come`;
  }
}

/** The old process is killed while its connections move. */
export class KillOld extends ProcessUpgrade {
  readonly kind = "an old process is killed while it leaves";
  readonly #delayMs: number;

  constructor(delayMs: number) {
    super();
    this.#delayMs = delayMs;
  }

  async run(scene: Scene): Promise<Effect> {
    const { generations, speakers } = scene;
    const previous = generations.current;
    const since = generations.log.length;
    generations.deploy("serves");
    const upgraded = generations
      .ask("POST", "/api/upgrade")
      .catch(() => undefined);
    const arrival = await generations.logged(
      ({ event }) => event === "taking-over",
      since,
      PATIENCE_MS,
    );
    await generations.logged(
      ({ event }) => event === "trial-passed",
      since,
      PATIENCE_MS,
    );
    await after(this.#delayMs);
    scene.killed.add(previous);
    // Who has an answer of the new process by now is none of the old one's.
    const landed = new Set(
      speakers.filter(({ place }) => place?.pid === arrival.pid),
    );
    generations.signal(previous, "SIGKILL");
    await upgraded;
    await hasEnded(scene, previous);
    succeeded(scene, arrival.pid);
    const permit: Permit = (speaker, { code }) =>
      !landed.has(speaker) && code === ABNORMAL;
    return { permit: either(immovable, permit) };
  }

  override toString(): string {
    return `an old process is killed ${this.#delayMs} ms after it has begun to leave`;
  }
}

/** The old process is killed once the new one is on its own. */
export class KillPredecessor extends ProcessUpgrade {
  readonly kind = "a new process takes over, and the old one is killed";

  async run(scene: Scene): Promise<Effect> {
    const { generations } = scene;
    const previous = generations.current;
    generations.deploy("serves");
    const { body } = await scene.act("/api/upgrade");
    scene.killed.add(previous);
    generations.signal(previous, "SIGKILL");
    succeeded(scene, (JSON.parse(body) as { pid: number }).pid);
    await hasEnded(scene, previous);
    return {
      permit: either(
        immovable,
        ({ canMove }, { code }) => !canMove && code === ABNORMAL,
      ),
    };
  }
}

/** The process that serves is killed; a service manager starts another. */
export class KillCurrent extends ProcessUpgrade {
  readonly kind = "the process is killed, and started again";

  async run(scene: Scene): Promise<Effect> {
    const { generations } = scene;
    const { current } = generations;
    scene.killed.add(current);
    generations.signal(current, "SIGKILL");
    await hasEnded(scene, current);
    await scene.generations.startAgain();
    return {
      permit: inProcess(current),
      check: (seen) =>
        demand(
          seen.length === scene.speakers.length,
          `${seen.length} have ended with their process, not everyone`,
        ),
    };
  }
}
