import { perform, type PerformOptions, type PerformResult } from "./perform.ts";
import type { Scene } from "./scene.ts";
import {
  simulate,
  type SimulateOptions,
  type SimulationResult,
} from "./simulate.ts";

/** A script that is played in simulation, and performed on real threads. */
export interface Scenario {
  /** In virtual time. @throws SimulationError as `simulate` does */
  simulate(
    more?: Pick<
      SimulateOptions,
      "seed" | "seeds" | "rareBranches" | "latencyMs"
    >,
  ): Promise<SimulationResult>;
  /** On real threads, sockets and clocks. @throws PerformError as `perform` does */
  perform(
    more?: Pick<PerformOptions, "nats" | "patienceMs">,
  ): Promise<PerformResult>;
}

/**
 * One script for both: quickly and by seed in a simulation, and now and then on
 * real threads, to see that the two agree.
 *
 * @example
 * ```ts
 * const goodbye = scenario({ handlers }, async ({ open, server }) => {
 *   const ann = await open("/");
 *   const report = server.shutdown();
 *   assert.equal((await ann.closed()).code, 1001);
 *   await report;
 * });
 *
 * it("says goodbye", () => goodbye.simulate({ seeds: 20 }));
 * it("says goodbye on real threads", () => goodbye.perform());
 * ```
 */
export function scenario(
  options: Omit<PerformOptions, "nats" | "patienceMs">,
  script: (scene: Scene) => Promise<void> | void,
): Scenario {
  return {
    simulate: (more) => simulate({ ...options, ...more }, script),
    perform: (more) => perform({ ...options, ...more }, script),
  };
}
