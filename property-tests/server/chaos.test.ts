import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";
import {
  ensureSystemPackages,
  INSTALL_TIMEOUT_MS,
} from "../../test/support/system-packages.ts";

const COMMAND = fileURLToPath(new URL("../../chaos/run.ts", import.meta.url));
/** Long enough for a process that takes over and for some deeds; `npm run chaos` goes on for as long as one likes. */
const SECONDS = 20;

beforeAll(() => ensureSystemPackages(["nats-server"]), INSTALL_TIMEOUT_MS);

describe("the chaos command", () => {
  it(
    `ends a run of ${SECONDS} seconds with a ledger that adds up`,
    () => {
      const args = [
        COMMAND,
        "--minutes",
        String(SECONDS / 60),
        "--clients",
        "80",
      ];
      const { status, stdout, stderr } = spawnSync(process.execPath, args, {
        encoding: "utf8",
      });
      expect(`${stdout}${stderr}`).toMatch(/the ledger adds up\n$/);
      expect(status).toBe(0);
    },
    SECONDS * 1_000 + 60_000,
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
