import { readFileSync } from "node:fs";

import { describe, expect, it } from "vitest";

import { describeOldRuntime } from "../../../src/runtime.ts";

describe("the runtime check", () => {
  it.each(["24.20.0", "24.21.3", "26.6.0", "26.10.0", "27.0.0", "30.1.0"])(
    "lets Node %s pass",
    (version) => {
      expect(describeOldRuntime(version)).toBeUndefined();
    },
  );

  it.each(["18.20.8", "20.20.2", "22.22.0", "24.19.9", "25.9.0", "26.5.1"])(
    "refuses Node %s in one sentence",
    (version) => {
      expect(describeOldRuntime(version)).toBe(
        `sluice needs Node 24.20 or a later 24, or Node 26.6 or later, because it moves sockets between threads; this is Node ${version}. In a project, "npm install --save-dev node@26" brings one that npx and the scripts of npm use.`,
      );
    },
  );

  it("says the same as the package's engines", () => {
    const manifest = new URL("../../../package.json", import.meta.url);
    expect(JSON.parse(readFileSync(manifest, "utf8"))).toMatchObject({
      engines: { node: "^24.20.0 || >=26.6.0" },
    });
  });
});
