import { clientDefects } from "./client.ts";
import type { Defect } from "./defect.ts";
import { machineDefects } from "./machine-defects.ts";
import { machineHandlersDefects } from "./machine-handlers.ts";
import { serverDefects } from "./server-defects.ts";
import { bordersDefects } from "./sound-borders.ts";
import { bytesDefects } from "./sound-bytes.ts";
import { soundClientDefects } from "./sound-client.ts";
import { chaosDefects } from "./sound-chaos.ts";
import { endingDefects } from "./sound-endings.ts";
import { deflateDefects } from "./sound-deflate.ts";
import { deployDefects } from "./sound-deploys.ts";
import { figureDefects } from "./sound-figures.ts";
import { historyDefects } from "./sound-histories.ts";
import { houseDefects } from "./sound-house.ts";
import { inspectorDefects } from "./sound-inspector.ts";
import { lifecycleDefects } from "./sound-lifecycle.ts";
import { doorDefects } from "./sound-doors.ts";
import { limitsDefects } from "./sound-limits.ts";
import { upgradeDefects } from "./sound-upgrade.ts";
import { movesDefects } from "./sound-moves.ts";
import { operatorDefects } from "./sound-operators.ts";
import { worldDefects } from "./sound-world.ts";
import { workersDefects } from "./sound-workers.ts";
import { subtleDefects } from "./subtle.ts";
import { survivors } from "./survivors.ts";

/** Mistakes of one kind, which have a table of their own: who adds one touches no other. */
export interface Area {
  readonly title: string;
  readonly defects: readonly Defect[];
}

export const areas: readonly Area[] = [
  { title: "Machines, and what runs them", defects: machineDefects },
  { title: "Machines of the handlers", defects: machineHandlersDefects },
  { title: "The running server", defects: serverDefects },
  { title: "Borders", defects: bordersDefects },
  { title: "Shutdowns in the middle of something", defects: lifecycleDefects },
  { title: "Who is let in", defects: doorDefects },
  { title: "A process that takes over", defects: upgradeDefects },
  { title: "New versions on trial", defects: operatorDefects },
  { title: "Endings", defects: endingDefects },
  { title: "Histories", defects: historyDefects },
  { title: "The path of bytes", defects: bytesDefects },
  { title: "Compression", defects: deflateDefects },
  { title: "Everything at the same time", defects: chaosDefects },
  { title: "A connection in its thread", defects: workersDefects },
  { title: "Deploys", defects: deployDefects },
  { title: "Figures and arguments", defects: figureDefects },
  { title: "Between two threads", defects: movesDefects },
  { title: "Found in simulation", defects: worldDefects },
  {
    title: "The inspector, whatever becomes of its server",
    defects: inspectorDefects,
  },
  { title: "What had survived every test", defects: survivors },
  { title: "What a review overlooks", defects: subtleDefects },
  { title: "The ends of what is accepted", defects: limitsDefects },
  { title: "A shard, at every moment", defects: houseDefects },
  { title: "The client", defects: clientDefects },
  { title: "The client, and who is there", defects: soundClientDefects },
];

export const defects: readonly Defect[] = areas.flatMap((area) => area.defects);
