import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const COMMAND = fileURLToPath(new URL("../../chaos/run.ts", import.meta.url));
const MINUTES = 1;

describe("the chaos command", () => {
  it(
    `ends a run of ${MINUTES} minute with a ledger that adds up`,
    () => {
      const args = [COMMAND, "--minutes", String(MINUTES), "--clients", "80"];
      const { status, stdout, stderr } = spawnSync(process.execPath, args, {
        encoding: "utf8",
      });
      expect(`${stdout}${stderr}`).toMatch(/the ledger adds up\n$/);
      expect(status).toBe(0);
    },
    MINUTES * 60_000 + 60_000,
  );

  it("refuses a duration that makes no sense, and says what it takes", () => {
    const args = [COMMAND, "--minutes", "soon"];
    const { status, stderr } = spawnSync(process.execPath, args, {
      encoding: "utf8",
    });
    expect(stderr).toContain('--minutes takes a number above 0, got "soon"');
    expect(status).toBe(2);
  });
});
