import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { defects } from "./defects.ts";

const read = (path: string): string =>
  readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");

describe("the seeded defects", () => {
  it.each(defects)(
    "can still be made: $rule",
    ({ file, original, defective }) => {
      const source = read(file);
      expect(source.split(original)).toHaveLength(2);
      expect(source.replace(original, () => defective)).not.toBe(source);
    },
  );

  it.each(defects)("has been noticed: $rule", ({ rule }) => {
    const rows = read("docs/proof.md")
      .replaceAll(/ +/g, " ")
      .split("\n")
      .filter((line) => line.startsWith(`| ${rule} |`));
    expect(rows).toHaveLength(1);
    expect(rows[0]).not.toContain("**nobody**");
  });
});
