import { setTimeout as after } from "node:timers/promises";
import { until } from "../../test/support/within.ts";
import {
  type Effect,
  either,
  GOING_AWAY,
  immovable,
  Operation,
} from "./operation.ts";
import type { Scene } from "./scene.ts";

const PATIENCE_MS = 60_000;

/**
 * One thing while another is under way: the server may refuse it, or give the
 * first up for it, but nobody is lost by that, and it serves on afterwards.
 */
export class Together extends Operation {
  readonly kind: string;
  readonly #first: Operation;
  readonly #second: Operation;
  readonly #delayMs: number;

  constructor(first: Operation, second: Operation, delayMs: number) {
    super();
    this.kind = `${first.kind}, meanwhile ${second.kind}`;
    this.#first = first;
    this.#second = second;
    this.#delayMs = delayMs;
  }

  override isPossible(scene: Scene): boolean {
    return this.#first.isPossible(scene) && this.#second.isPossible(scene);
  }

  async run(scene: Scene): Promise<Effect> {
    const first = this.#first.run(scene).catch(() => undefined);
    await after(this.#delayMs);
    await this.#second.run(scene).catch(() => undefined);
    await first;
    await reconcile(scene);
    return { permit: either(immovable, (_, { code }) => code === GOING_AWAY) };
  }

  override toString(): string {
    return `${String(this.#first)}, and ${this.#delayMs} ms later ${String(this.#second)}`;
  }
}

/** Finds out which process serves now, and starts one if none is left. */
async function reconcile(scene: Scene): Promise<void> {
  const { generations } = scene;
  // Which version was on disk when is anybody's guess.
  generations.forgetVersion();
  if (generations.isGone) await generations.startAgain();
  const pid = await until(
    "a process serves",
    async () => {
      const standing = await generations.standing();
      return standing.server.state.startsWith("listening")
        ? standing.server.pid
        : undefined;
    },
    PATIENCE_MS,
  );
  if (pid !== generations.current) generations.count++;
  generations.current = pid;
}
