import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { hashOfLives } from "./hash-of-lives.ts";

const PROGRAM = fileURLToPath(new URL("hash-of-lives.ts", import.meta.url));

describe("lives of the same seed", () => {
  it.each([1, 2])(
    "go the same way again, and in another process, with %i instances",
    async (instances) => {
      const here = await hashOfLives(instances);
      expect(await hashOfLives(instances)).toBe(here);
      const { stdout } = await promisify(execFile)(process.execPath, [
        PROGRAM,
        String(instances),
      ]);
      expect(stdout.trim()).toBe(here);
    },
  );
});
