import { setTimeout as after } from "node:timers/promises";
import { until } from "../../test/support/within.ts";
import {
  type Effect,
  either,
  GOING_AWAY,
  immovable,
  Operation,
  SERVICE_RESTART,
} from "./operation.ts";
import { DrainShard, MoveShard, RestartShard } from "./operations.ts";
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
    const codes = [GOING_AWAY];
    // With the other shard away as well there is nowhere to move to.
    if (this.#first instanceof MoveShard && takesAway(this.#second))
      codes.push(SERVICE_RESTART);
    return {
      permit: either(immovable, (_, { code }) => codes.includes(code)),
    };
  }

  override toString(): string {
    return `${String(this.#first)}, and ${this.#delayMs} ms later ${String(this.#second)}`;
  }
}

function takesAway(operation: Operation): boolean {
  return operation instanceof RestartShard || operation instanceof DrainShard;
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
