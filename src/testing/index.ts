/**
 * A test kit: your handlers in a simulated server, with simulated clients, in
 * virtual time. Main and shards are the real ones; threads, sockets and clocks
 * are simulated, and everything happens in the test's own thread. The same
 * script can be performed on real threads.
 *
 * @module sluice/testing
 */
export { Client } from "./scene-client.ts";
export {
  perform,
  PerformError,
  type PerformOptions,
  type PerformResult,
} from "./perform.ts";
export { type Scenario, scenario } from "./scenario.ts";
export type {
  OpenOptions,
  Scene,
  SceneCluster,
  SceneInstance,
  SceneProcess,
  SceneShard,
} from "./scene.ts";
export {
  simulate,
  SimulationError,
  type SimulationFailure,
  type SimulateOptions,
  type SimulationResult,
} from "./simulate.ts";
export type { AnswerOfInspector, AskOptions } from "./ask-options.ts";
export type { Breach } from "./simulation/law.ts";
export type { ClientEnd } from "./speaker.ts";
