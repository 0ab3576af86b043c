import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/**
 * Does what the README tells newcomers to do, word for word: the commands of "A
 * service of your own", in an empty folder beside the packed package, under each
 * Node that they may have. It installs from the registry, as they do.
 */
const here = fileURLToPath(new URL(".", import.meta.url));
const root = fileURLToPath(new URL("../..", import.meta.url));
const NODES = ["node-20", "node-24"];
const HEADING = "## A service of your own";
/** What the test of a new project prints, with the marks of either reporter. */
const PASSED = /^(?:#|ℹ) pass 2$[^]*^(?:#|ℹ) fail 0$/m;
const SERVES = "listening on ws://";

/** What npm sets for the scripts that it runs is not the newcomer's. */
const own = Object.entries(process.env).filter(
  ([name]) => !/^(?:npm_(?!config_)|SLUICE_|NODE_OPTIONS)/.test(name),
);
/** Without the Node that this project brings. */
const searched = (process.env["PATH"] ?? "")
  .split(delimiter)
  .filter((folder) => !folder.includes("node_modules"));

/** Runs a line as a shell would, and gives what it printed. */
async function run(
  line: string,
  cwd: string,
  node?: string,
  onLine: (said: string, end: () => void) => void = () => undefined,
): Promise<string> {
  const bin = node === undefined ? [] : [`${here}node_modules/${node}/bin`];
  const PATH = [...bin, ...searched].join(delimiter);
  const child = spawn("sh", ["-c", `exec ${line} 2>&1`], {
    cwd,
    // Whoever tries it has the port free; here somebody may be on it.
    env: { ...Object.fromEntries(own), PATH, SLUICE_PORT: "0" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(child, "close");
  const said: string[] = [];
  for await (const text of createInterface({ input: child.stdout })) {
    said.push(text);
    onLine(text, () => child.kill("SIGTERM"));
  }
  const [status] = (await ended) as [number | null];
  const printed = said.join("\n");
  if (status !== 0)
    throw new Error(`"${line}" ended with ${status}:\n${printed}`);
  return printed;
}

/** The first commands under the heading. */
async function commandsOfReadme(): Promise<readonly string[]> {
  const readme = await readFile(join(root, "README.md"), "utf8");
  const section = readme.slice(readme.indexOf(HEADING));
  const [, block = ""] = /```sh\n([^]*?)```/.exec(section) ?? [];
  return block
    .split("\n")
    .map((line) => line.replace(/\s+#.*$/, ""))
    .filter((line) => line !== "");
}

const folder = await mkdtemp(join(tmpdir(), "sluice-newcomer-"));
try {
  await run("npm ci --no-audit --no-fund", here);
  await mkdir(join(folder, "sluice"));
  await run(
    `npm pack --silent --pack-destination ${join(folder, "sluice")}`,
    root,
  );
  const [install = "", init = "", test = "", start = "", ...more] =
    await commandsOfReadme();
  if (start !== "npm start" || more.length > 0)
    throw new Error(`the README has other commands under "${HEADING}"`);
  for (const node of NODES) {
    const service = join(folder, node);
    await mkdir(service);
    const version = await run("node --version", service, node);
    await run(install, service, node);
    await run(init, service, node);
    const tested = await run(test, service, node);
    if (!PASSED.test(tested)) throw new Error(`not passed:\n${tested}`);
    const served = await run(start, service, node, (line, end) => {
      if (line.includes(SERVES)) end();
    });
    if (!served.includes(SERVES)) throw new Error(`not served:\n${served}`);
    console.log(
      `${version}: ${[init, test, start].join(", ")}: passed, served`,
    );
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}
