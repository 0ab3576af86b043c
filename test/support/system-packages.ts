import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

/**
 * Programs that tests run and that npm does not bring, by the name of their
 * Debian package; each with the file that tests use it by.
 */
export const systemPrograms = {
  chromium: "/usr/bin/chromium",
  curl: "/usr/bin/curl",
  haproxy: "/usr/sbin/haproxy",
  "nats-server": "/usr/sbin/nats-server",
  /** For `promtool`. */
  prometheus: "/usr/bin/promtool",
  /** For Debian's own `/usr/bin/python3`. */
  "python3-websockets": "/usr/lib/python3/dist-packages/websockets/__init__.py",
} as const;
export type SystemPackage = keyof typeof systemPrograms;

/** Give a `beforeAll` that installs packages this long. */
export const INSTALL_TIMEOUT_MS = 300_000;

/**
 * Makes sure that Debian packages are there: those that are missing are
 * installed, where this process may. Meant for a `beforeAll`, with
 * {@link INSTALL_TIMEOUT_MS}; free of cost when nothing is missing, and safe to
 * call from several test files at the same time.
 *
 * @throws Error that names in one sentence what has to be installed, when this
 *   process is not root, has no apt-get, or apt-get fails.
 */
export async function ensureSystemPackages(
  names: readonly SystemPackage[],
): Promise<void> {
  const missing = missingOf(names);
  if (missing.length === 0) return;
  const please = `these tests need the Debian packages ${missing.join(", ")}: run "apt-get install ${missing.join(" ")}" as root`;
  if (process.getuid?.() !== 0 || !existsSync("/usr/bin/apt-get"))
    throw new Error(please);
  try {
    await install(missing);
  } catch (cause) {
    throw new Error(`${please} (apt-get failed here)`, { cause });
  }
  const still = missingOf(missing);
  if (still.length > 0)
    throw new Error(
      `${please} (installed, but ${still.map((name) => systemPrograms[name]).join(", ")} is not there)`,
    );
}

function missingOf(names: readonly SystemPackage[]): SystemPackage[] {
  return names.filter((name) => !existsSync(systemPrograms[name]));
}

/** One installation at a time, whatever other test processes do; apt's own locks make the second one fail. */
async function install(names: readonly SystemPackage[]): Promise<void> {
  const script =
    'apt-get -qq update; apt-get -qq -y install --no-install-recommends "$@"';
  await promisify(execFile)(
    "flock",
    [
      join(tmpdir(), "sluice-system-packages.lock"),
      ...["sh", "-c", script, "sh"],
      ...names,
    ],
    {
      timeout: INSTALL_TIMEOUT_MS,
      maxBuffer: 64 * 1024 * 1024,
      env: {
        ...process.env,
        DEBIAN_FRONTEND: "noninteractive",
        // The packages bring services; in run level 1 none of them is started.
        RUNLEVEL: "1",
      },
    },
  );
}
