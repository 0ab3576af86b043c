import { machineDefects } from "./machine-defects.ts";
import { serverDefects } from "./server-defects.ts";
import { bordersDefects } from "./sound-borders.ts";
import { endingDefects } from "./sound-endings.ts";
import { historyDefects } from "./sound-histories.ts";
import { lifecycleDefects } from "./sound-lifecycle.ts";
import { doorDefects } from "./sound-doors.ts";
import { upgradeDefects } from "./sound-upgrade.ts";
import { operatorDefects } from "./sound-operators.ts";
import { workersDefects } from "./sound-workers.ts";

/** A small mistake, made on purpose, and where it is expected to be noticed. */
export interface Defect {
  /** The rule that it breaks, as it stands in the design. */
  readonly rule: string;
  readonly file: string;
  /** Occurs exactly once in the file. */
  readonly original: string;
  readonly defective: string;
  /** Test files, or folders of them. */
  readonly suites: readonly string[];
  /** Runs of each law, where they are cheap and the mistake is rare. */
  readonly runs?: number;
  /** The only law that is asked, by a part of its name: what another says is about something else. */
  readonly law?: string;
}

export const defects: readonly Defect[] = [
  ...machineDefects,
  ...serverDefects,
  ...bordersDefects,
  ...lifecycleDefects,
  ...doorDefects,
  ...upgradeDefects,
  ...operatorDefects,
  ...endingDefects,
  ...historyDefects,
  ...workersDefects,
];
