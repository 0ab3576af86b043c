/**
 * Writes a small project that runs. This file keeps to what Node 20 knows: it is
 * asked for exactly where no Node that fits is installed yet, and the project
 * that it writes brings one.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";

type Json = Record<string, unknown>;

/** Of Sluice: `dist/cli` and `src/cli` lie equally deep. */
const ours = new URL("../../", import.meta.url);
const starter = new URL("examples/starter/", ours);
/** What a project is written from as it stands. */
const copied = [
  "handlers.ts",
  "handlers.test.ts",
  "Dockerfile",
  "service.service",
];
const ignored = "node_modules\n";
/** What `npm init` says where there is no test. */
const NO_TEST = "no test specified";

const tsconfig = {
  compilerOptions: {
    target: "es2024",
    module: "nodenext",
    types: ["node"],
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    // What Node can run as it is: no enum, and file names that end in .ts.
    erasableSyntaxOnly: true,
    verbatimModuleSyntax: true,
    allowImportingTsExtensions: true,
  },
};

/** What became of each file, and what to do next. */
export interface Initialized {
  readonly written: readonly string[];
  readonly kept: readonly string[];
}

/**
 * Adds to a folder what a project with Sluice has. What is there stays: files
 * as they are, and of `package.json` every entry.
 *
 * @param cwd - Where the command was called; its `package.json` says where
 *   Sluice comes from, if it is not a released version.
 * @returns a sentence when the folder cannot be one
 */
export function initProject(folder: string, cwd: string): Initialized | string {
  const manifestFile = join(folder, "package.json");
  const given = existsSync(manifestFile) ? readJson(manifestFile) : {};
  if (given === undefined)
    return `${manifestFile} is no JSON object: mend it, or choose another folder`;
  const type = given["type"] ?? "module";
  if (type !== "module")
    return `${manifestFile} says "type": ${JSON.stringify(type)}, and what sluice init writes are modules: change that with "npm pkg set type=module", or choose another folder ("sluice init service")`;

  mkdirSync(folder, { recursive: true });
  const written: string[] = [];
  const kept: string[] = [];
  const write = (name: string, text: string): void => {
    const file = join(folder, name);
    if (existsSync(file)) {
      kept.push(name);
      return;
    }
    writeFileSync(file, text, { flag: "wx" });
    written.push(name);
  };
  const manifest = completed(given, folder, cwd);
  if (JSON.stringify(manifest) === JSON.stringify(given)) {
    kept.push("package.json");
  } else {
    writeFileSync(manifestFile, toText(manifest));
    written.push("package.json");
  }
  write("tsconfig.json", toText(tsconfig));
  for (const name of copied)
    write(name, readFileSync(new URL(name, starter), "utf8"));
  write(".gitignore", ignored);
  write(".dockerignore", ignored);
  return { written, kept };
}

/** What there is, and what is missing. */
function completed(given: Json, folder: string, cwd: string): Json {
  const { version, devDependencies } = readJson(
    fileURLToPath(new URL("package.json", ours)),
  ) as { version: string; devDependencies: Record<string, string> };
  const scripts = asRecord(given["scripts"]);
  const { test, ...otherScripts } = scripts;
  const isPlaceholder = typeof test === "string" && test.includes(NO_TEST);
  const dependencies = asRecord(given["dependencies"]);
  const known = { ...dependencies, ...asRecord(given["devDependencies"]) };
  const wanted = {
    node: devDependencies["node"],
    typescript: devDependencies["typescript"],
    "@types/node": devDependencies["@types/node"],
  };
  return {
    name: basename(resolve(folder))
      .toLowerCase()
      .replace(/[^a-z0-9-]+/g, "-"),
    private: true,
    ...given,
    type: "module",
    scripts: {
      // No shell in between: a signal that npm passes on has to reach Sluice.
      start: "exec sluice serve handlers.ts",
      test: "node --test",
      check: "tsc",
      ...(isPlaceholder ? otherScripts : scripts),
    },
    dependencies:
      "sluice" in known
        ? dependencies
        : { ...dependencies, sluice: ownSource(folder, cwd) ?? `^${version}` },
    devDependencies: {
      ...Object.fromEntries(
        Object.entries(wanted).filter(([name]) => !(name in dependencies)),
      ),
      ...asRecord(given["devDependencies"]),
    },
    // The package `node` fetches its binary when it is installed.
    allowScripts: { node: true, ...asRecord(given["allowScripts"]) },
  };
}

/** Where the caller's project has Sluice from, as another folder has to say it. */
function ownSource(folder: string, cwd: string): string | undefined {
  const file = join(cwd, "package.json");
  if (!existsSync(file)) return undefined;
  const source = asRecord(readJson(file)?.["dependencies"])["sluice"];
  if (typeof source !== "string") return undefined;
  const [, path] = /^file:(.*)$/.exec(source) ?? [];
  if (path === undefined) return source;
  return `file:${relative(resolve(folder), resolve(cwd, path)).replaceAll("\\", "/")}`;
}

function asRecord(value: unknown): Json {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Json)
    : {};
}

function readJson(file: string): Json | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(file, "utf8"));
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Json)
      : undefined;
  } catch {
    return undefined;
  }
}

function toText(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

/** What was done, for people. */
export function renderInitialized(
  folder: string,
  { written, kept }: Initialized,
): string {
  const name = relative(".", folder);
  const lines = [
    ...written.map((file) => `wrote ${join(name, file)}`),
    ...kept.map((file) => `kept  ${join(name, file)}, which was there`),
    "",
    "Next:",
    ...(name === "" ? [] : [`  cd ${name}`]),
    "  npm install-test    # brings a Node that fits, and runs the test",
    "  npm start           # serves on ws://127.0.0.1:8080",
  ];
  return lines.join("\n");
}
