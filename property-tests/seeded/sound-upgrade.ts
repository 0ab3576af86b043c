import type { Defect } from "./defect.ts";

const afterUpgrade = "test/real/handover/after-upgrade.test.ts";

/** Mistakes in what happens across processes. */
export const upgradeDefects: readonly Defect[] = [
  {
    rule: "a new process keeps no connection that it was born with",
    file: "src/main/handover/predecessor.ts",
    original: "    host.surroundings.closeInherited(ports);\n",
    defective: "    void (() => host.surroundings.closeInherited(ports));\n",
    suites: [afterUpgrade],
  },
];
