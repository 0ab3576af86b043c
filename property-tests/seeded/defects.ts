import { clientDefects } from "./client.ts";
import type { Defect } from "./defect.ts";
import { machineDefects } from "./machine-defects.ts";
import { machineHandlersDefects } from "./machine-handlers.ts";
import { serverDefects } from "./server-defects.ts";
import { bordersDefects } from "./sound-borders.ts";
import { bytesDefects } from "./sound-bytes.ts";
import { chaosDefects } from "./sound-chaos.ts";
import { endingDefects } from "./sound-endings.ts";
import { deployDefects } from "./sound-deploys.ts";
import { figureDefects } from "./sound-figures.ts";
import { historyDefects } from "./sound-histories.ts";
import { lifecycleDefects } from "./sound-lifecycle.ts";
import { doorDefects } from "./sound-doors.ts";
import { limitsDefects } from "./sound-limits.ts";
import { upgradeDefects } from "./sound-upgrade.ts";
import { operatorDefects } from "./sound-operators.ts";
import { workersDefects } from "./sound-workers.ts";
import { subtleDefects } from "./subtle.ts";
import { survivors } from "./survivors.ts";

export const defects: readonly Defect[] = [
  ...machineDefects,
  ...machineHandlersDefects,
  ...serverDefects,
  ...bordersDefects,
  ...lifecycleDefects,
  ...doorDefects,
  ...upgradeDefects,
  ...operatorDefects,
  ...endingDefects,
  ...historyDefects,
  ...bytesDefects,
  ...chaosDefects,
  ...workersDefects,
  ...deployDefects,
  ...figureDefects,
  ...survivors,
  ...subtleDefects,
  ...limitsDefects,
  ...clientDefects,
];
