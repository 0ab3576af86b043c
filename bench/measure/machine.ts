/** What a result depends on: the machine and the versions. */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";

export interface MachineFacts {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGib: number;
  readonly kernel: string;
}

/** Versions by name, of the runtime and of everything that is compared. */
export type Versions = Readonly<Record<string, string>>;

/** The machine that this runs on. */
export function machineFacts(): MachineFacts {
  return {
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: cpus().length,
    memoryGib: Math.round(totalmem() / 2 ** 30),
    kernel: `Linux ${release().split("-")[0]}`,
  };
}

/** The versions of Node, Sluice and its rivals; rivals not installed are left out. */
export function readVersions(): Versions {
  const packages = {
    ws: "../../node_modules/ws/package.json",
    xstate: "../../node_modules/xstate/package.json",
    "socket.io": "../node_modules/socket.io/package.json",
    bun: "../node_modules/bun/package.json",
  };
  const versions: Record<string, string> = { node: process.versions.node };
  const own = packageVersion("../../package.json");
  if (own !== undefined) versions["sluice"] = own + commit();
  for (const [name, file] of Object.entries(packages)) {
    const version = packageVersion(file);
    if (version !== undefined) versions[name] = version;
  }
  return versions;
}

function packageVersion(relative: string): string | undefined {
  const file = new URL(relative, import.meta.url);
  if (!existsSync(file)) return undefined;
  const { version } = JSON.parse(readFileSync(file, "utf8")) as {
    readonly version?: string;
  };
  return version;
}

/** The commit, where this is a checkout: what a figure belongs to. */
function commit(): string {
  try {
    const hash = execFileSync("git", ["rev-parse", "--short", "HEAD"], {
      cwd: import.meta.dirname,
      stdio: ["ignore", "pipe", "ignore"],
    });
    return ` (${hash.toString().trim()})`;
  } catch {
    return "";
  }
}
