import type { Socket } from "node:net";
import { asDelay } from "../config/units.ts";
import type { Handlers } from "../handlers.ts";
import { monotonicNow } from "../protocol/clock.ts";
import {
  adoptHandle,
  type Reading,
  type SocketHandle,
} from "../protocol/socket-handle.ts";
import { written } from "../protocol/written.ts";
import type { Clock } from "./lifecycle/timer-wheel.ts";
import { loadHandlers } from "./load-handlers.ts";

/**
 * What a shard asks of the world it lives in: Node's, or that of a simulation.
 * Nothing on the path of a message goes through it.
 */
export interface ShardSurroundings {
  readonly clock: Clock;
  /** @throws SluiceError `ERR_SLUICE_HANDLERS` when the handlers cannot be had. */
  loadHandlers(module: string | undefined): Promise<Handlers>;
  /** A socket around a handle that has come to this thread. */
  readonly adopt: (handle: SocketHandle, onread?: Reading) => Socket;
  /** @returns what measures how busy the thread's loop was since it was last asked, 0 to 1 */
  measureLoad(): () => number;
  /** Resolves when what handlers have printed has left the thread, or with `false` after so long. */
  printed(withinMs: number): Promise<boolean>;
}

const OUTPUT = [process.stdout, process.stderr];

/** Node's own. */
export const nodeShardSurroundings: ShardSurroundings = {
  clock: {
    now: monotonicNow,
    setTimeout: (callback, ms) => setTimeout(callback, asDelay(ms)),
    clearTimeout: (handle) =>
      clearTimeout(handle as NodeJS.Timeout | undefined),
    afterPoll: (callback) => void setImmediate(callback),
  },
  loadHandlers,
  adopt: adoptHandle,
  measureLoad: () => {
    let last = performance.eventLoopUtilization();
    return () => {
      const now = performance.eventLoopUtilization();
      const { utilization } = performance.eventLoopUtilization(now, last);
      last = now;
      return utilization;
    };
  },
  printed: (withinMs) => written(OUTPUT, withinMs),
};
