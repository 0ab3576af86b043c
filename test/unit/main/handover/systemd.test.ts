import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { notifySystemd } from "../../../../src/main/handover/systemd.ts";
import { until } from "../../../support/within.ts";

describe("the notification of systemd", () => {
  afterEach(() => void vi.unstubAllEnvs());

  /** A `systemd-notify` that writes down what it was told; resolves to the file. */
  async function pretend(script: string): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), "sluice-systemd-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    const program = join(folder, "systemd-notify");
    await writeFile(program, `#!/bin/sh\n${script}\n`);
    await chmod(program, 0o755);
    vi.stubEnv("PATH", `${folder}:/usr/bin:/bin`);
    return join(folder, "said");
  }

  it("says that this process serves, and is the one to follow", async () => {
    const said = await pretend(
      `echo "$NOTIFY_SOCKET $*" > "$(dirname "$0")/writing" && mv "$(dirname "$0")/writing" "$(dirname "$0")/said"`,
    );
    vi.stubEnv("NOTIFY_SOCKET", "/run/notify");
    const failures: Error[] = [];
    notifySystemd((error) => failures.push(error));
    const text = await until("it was told", () =>
      readFile(said, "utf8").catch(() => false as const),
    );
    expect(text).toBe(`/run/notify READY=1 MAINPID=${process.pid}\n`);
    expect(failures).toEqual([]);
  });

  it("tells of its failure", async () => {
    await pretend("exit 1");
    vi.stubEnv("NOTIFY_SOCKET", "/run/notify");
    const failure = await new Promise<Error>((resolve) => {
      notifySystemd(resolve);
    });
    expect(failure.message).toContain("systemd-notify");
  });
});
