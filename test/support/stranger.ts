import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { promisify } from "node:util";

import { ensureBuilt, root } from "./built.ts";

/** npm and what it starts run under this Node, and not as a part of the npm that runs the tests. */
const env = {
  ...Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) =>
        !/^(?:npm_(?!config_)|SLUICE_|NODE_OPTIONS|NODE_TEST_CONTEXT|NODE_V8_COVERAGE|VITEST|TEST$|DEV$|PROD$|MODE$|NO_COLOR|FORCE_COLOR)/.test(
          name,
        ),
    ),
  ),
  PATH: [dirname(process.execPath), process.env["PATH"]].join(delimiter),
  NO_COLOR: "1",
};

interface Tarball {
  readonly filename: string;
  readonly version: string;
  readonly integrity: string;
  readonly size: number;
  readonly files: readonly { readonly path: string }[];
}

interface Lock {
  readonly packages: Readonly<
    Record<string, { readonly dev?: boolean; readonly devOptional?: boolean }>
  >;
}

/** Of the compiler, in a stranger's project that is as strict as ours. */
export const compilerOptions = {
  target: "es2024",
  lib: ["es2024", "dom"],
  module: "nodenext",
  strict: true,
  noEmit: true,
  skipLibCheck: false,
  types: ["node"],
  typeRoots: [join(root, "node_modules/@types")],
};

/** How a command ended. */
export interface Ended {
  readonly status: number;
  /** What it printed, on stdout and then on stderr. */
  readonly printed: string;
}

/** A stranger's project, with Sluice installed from its package. */
export class Stranger {
  readonly folder: string;
  readonly tarball: Tarball;

  private constructor(folder: string, tarball: Tarball) {
    this.folder = folder;
    this.tarball = tarball;
  }

  /** Packs Sluice, and installs it into an empty project. */
  static async create(): Promise<Stranger> {
    await ensureBuilt();
    const folder = await mkdtemp(join(tmpdir(), "sluice-package-"));
    const [tarball] = JSON.parse(
      await runIn(folder, "npm", "pack", root, "--json", "--ignore-scripts"),
    ) as [Tarball];
    const stranger = new Stranger(folder, tarball);
    await stranger.#writeProject();
    const offline = ["--prefer-offline", "--no-audit", "--no-fund"];
    await stranger.run("npm", "ci", ...offline);
    return stranger;
  }

  async write(name: string, content: string | object): Promise<void> {
    await writeFile(
      join(this.folder, name),
      typeof content === "string" ? content : JSON.stringify(content),
    );
  }

  /** @throws Error when it fails */
  run(command: string, ...args: string[]): Promise<string> {
    return runIn(this.folder, command, ...args);
  }

  /** Runs a command that may fail, as a line for a shell. */
  async try(line: string): Promise<Ended> {
    return await new Promise((resolve) => {
      execFile(
        "sh",
        ["-c", line],
        { cwd: this.folder, env, maxBuffer: 2 ** 24 },
        (error, stdout, stderr) => {
          const status = error === null ? 0 : Number(error.code ?? -1);
          resolve({ status, printed: `${stdout}${stderr}` });
        },
      );
    });
  }

  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }

  /**
   * A project that depends on the tarball, with a lock that has the very versions
   * that Sluice itself was installed with: npm then needs no more than what it has
   * fetched before.
   */
  async #writeProject(): Promise<void> {
    const { filename, version, integrity } = this.tarball;
    const project = {
      name: "stranger",
      type: "module",
      dependencies: { sluice: `file:${filename}` },
    };
    const { packages } = await readJson<Lock>(join(root, "package-lock.json"));
    const needed = Object.entries(packages).filter(
      ([path, { dev, devOptional }]) =>
        path !== "" && dev !== true && devOptional !== true,
    );
    const { bin, dependencies } = await readJson<{
      bin: unknown;
      dependencies: unknown;
    }>(join(root, "package.json"));
    const lock = {
      name: project.name,
      lockfileVersion: 3,
      packages: {
        "": project,
        "node_modules/sluice": {
          version,
          resolved: project.dependencies.sluice,
          integrity,
          bin,
          dependencies,
        },
        ...Object.fromEntries(needed),
      },
    };
    await this.write("package.json", project);
    await this.write("package-lock.json", lock);
  }
}

async function readJson<Content>(path: string): Promise<Content> {
  return JSON.parse(await readFile(path, "utf8")) as Content;
}

async function runIn(
  folder: string,
  command: string,
  ...args: string[]
): Promise<string> {
  const options = { cwd: folder, env, maxBuffer: 2 ** 24 };
  const { stdout } = await promisify(execFile)(command, args, options);
  return stdout.trim();
}
