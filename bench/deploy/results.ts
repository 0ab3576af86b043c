import type { MachineFacts, Versions } from "../measure/machine.ts";
import type { DeployResult } from "./comparison.ts";
import type { HistoriesResult } from "./histories.ts";
import type { IdleResult } from "./idle.ts";
import type { ProofResult } from "./proof.ts";

/** What was measured; a part that was left out stays as it was published. */
export interface HandoverResults {
  readonly machine: MachineFacts;
  readonly versions: Versions;
  proof?: ProofResult;
  histories?: HistoriesResult;
  idle?: IdleResult;
  comparison?: readonly DeployResult[];
}
