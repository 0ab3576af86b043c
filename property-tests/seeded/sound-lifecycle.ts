import type { Defect } from "./defect.ts";

const interplay = "test/real/interplay";

/** Of what is under way when the server is stopped, and when that is called off. */
export const lifecycleDefects: readonly Defect[] = [
  {
    rule: "a shutdown that is called off is not called off for shards that retire",
    file: "src/main/shards/shard.ts",
    original: `this.#fate === "goes-on" && this.#backOff.hasServed`,
    defective: "this.#backOff.hasServed",
    suites: [interplay],
    law: "called off once the shards have heard",
  },
  {
    rule: "a shutdown gives up a reload that has not passed its trial",
    file: "src/main/handover/reload.ts",
    original: "host.stoppage.onBegin(() => replacement.interrupt());",
    defective: "host.stoppage.onBegin(() => {});",
    suites: [interplay],
    law: "finds the old version",
  },
  {
    rule: "a server that has ended starts no thread for a shard in back-off",
    file: "src/main/server.ts",
    original: "    for (const shard of this.fleet.all) shard.giveUp();\n",
    defective: "",
    suites: [interplay],
    law: "is not started any more",
  },
];
