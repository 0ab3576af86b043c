import type { Defect } from "./defect.ts";

const unit = (name: string): string => `test/unit/${name}.test.ts`;

/** Mistakes in what operators read, and in what callers may give. */
export const figureDefects: readonly Defect[] = [
  {
    rule: "how a shutdown went is not how the server's life was",
    file: "src/main/report.ts",
    original: "    accepted: after.accepted - before.accepted,\n",
    defective: "    accepted: after.accepted,\n",
    suites: [unit("main/report")],
  },
  {
    rule: "what crashed before a shutdown did not crash in it",
    file: "src/main/report.ts",
    original: "Math.max(0, now.crashes - begun.crashes)",
    defective: "Math.max(0, now.crashes)",
    suites: [unit("main/report")],
  },
  {
    rule: "who asks how the server is was not rejected",
    file: "src/workers/connection/machine-actions.ts",
    original: `counters.add(wasProbe ? "probes" : "rejected");`,
    defective: `counters.add(wasProbe ? "rejected" : "rejected");`,
    suites: ["test/real/connections/bad-requests.test.ts"],
    law: "counts probes of its health",
  },
  {
    rule: "the longest time is one that was taken",
    file: "src/protocol/histogram.ts",
    original: `    p99Ms: Math.min(maxMs, percentile(buckets, count, 0.99)),
    maxMs,
`,
    defective: `    p99Ms: Math.min(maxMs, percentile(buckets, count, 0.99)),
    maxMs: percentile(buckets, count, 1),
`,
    suites: [unit("protocol/histogram")],
  },
  {
    rule: "a shard that is blocked is busy all the time",
    file: "src/main/shards/busy-share.ts",
    original: `return isBlocked ? 1 : counters.get("utilization");`,
    defective: `return isBlocked ? counters.get("utilization") : counters.get("utilization");`,
    suites: [unit("main/shards/busy-share")],
  },
  {
    rule: "a mistyped name does not mean everything",
    file: "src/config/arguments.ts",
    original: "    if (!known.includes(key))\n",
    defective: `    if (!known.includes(key) && key === "")\n`,
    suites: ["test/real/connections/arguments.test.ts"],
    law: "a mistyped prefix",
  },
  {
    rule: "arguments are narrowed as options are",
    file: "src/config/arguments.ts",
    original: "  if (value !== REFUSED) return value;\n",
    defective:
      "  if (value !== REFUSED) return value;\n  if (given !== null) return given;\n",
    suites: ["test/real/connections/arguments.test.ts"],
    law: "a deadline in words that are none",
  },
];
