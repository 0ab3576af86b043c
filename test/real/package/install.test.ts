import {
  access,
  lstat,
  mkdir,
  readdir,
  readFile,
  symlink,
  writeFile,
} from "node:fs/promises";
import { dirname, join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { root } from "../../support/built.ts";
import { compilerOptions, Stranger } from "../../support/stranger.ts";

/** To other pages; pictures stay in the repository, and their words say what they show. */
const links = /(?<!!\[[^\]]*)\]\(([^)#\s]+)[^)]*\)/g;
/** With those that come along. */
const MAX_PACKAGES = 25;
/** On disk, as `du` counts. */
const MAX_INSTALLED_BYTES = 8_000_000;
const MAX_PACKED_BYTES = 410_000;
/** What a block of `stat` is, whatever the file system's own are. */
const BLOCK_BYTES = 512;

/** Their examples go on from one another, or from what is the reader's own. */
const continued = ["docs/client.md", "docs/state-machines.md"];
/** What a program may import that has Sluice alone. */
const atHand = /^(?:sluice(?:\/.*)?|node:.*|xstate)$/;

/** The modules that a page shows, of those that need no other file. */
async function examplesOf(page: string): Promise<readonly string[]> {
  const text = await readFile(join(root, page), "utf8");
  const blocks = [...text.matchAll(/^```ts\n([^]*?)^```$/gm)];
  return blocks
    .map(([, code = ""]) => code)
    .filter((code) => {
      const imports = [...code.matchAll(/ from "([^"]+)"/g)];
      return (
        imports.length > 0 &&
        imports.every(([, module = ""]) => atHand.test(module))
      );
    });
}

/** A stranger's project, with Sluice installed from its package. */
let stranger: Stranger;
let folder = "";
let packed: readonly string[] = [];
let packedBytes = 0;

beforeAll(async () => {
  stranger = await Stranger.create();
  ({ folder } = stranger);
  const { files, size } = stranger.tarball;
  packed = files.map(({ path }) => path);
  packedBytes = size;
}, 120_000);

afterAll(() => stranger.remove());

describe("the package", () => {
  it("holds what users need and nothing else", () => {
    expect(packed).toEqual(
      expect.arrayContaining([
        "package.json",
        "README.md",
        "LICENSE",
        "dist/cli.js",
        "dist/index.js",
        "dist/index.d.ts",
        "dist/machines/index.js",
        "dist/workers/run-shard.js",
        "dist/inspector/page.js",
        "docs/deployment.md",
        "examples/room/handlers.ts",
      ]),
    );
    const strange = packed.filter(
      (path) =>
        !/^(?:dist|docs|examples)\//.test(path) &&
        !/^(?:package\.json|README\.md|LICENSE)$/.test(path),
    );
    expect(strange).toEqual([]);
    const sources = packed.filter((path) => /(?<!\.d)\.ts$/.test(path));
    expect(sources.filter((path) => !path.startsWith("examples/"))).toEqual([]);
  });

  it("is light: packed, and installed with all that it brings", async () => {
    const modules = join(folder, "node_modules");
    const names = await readdir(modules, { recursive: true });
    const manifests = names.filter((name) =>
      /^(?:(?:.*[\\/])?node_modules[\\/])?(?:@[^\\/]+[\\/])?[^\\/]+[\\/]package\.json$/.test(
        name,
      ),
    );
    const sizes = names.map(async (name) => {
      const { blocks } = await lstat(join(modules, name));
      return blocks * BLOCK_BYTES;
    });
    const installed = (await Promise.all(sizes)).reduce((sum, n) => sum + n, 0);
    expect(manifests.length).toBeGreaterThan(5);
    expect(manifests.length).toBeLessThanOrEqual(MAX_PACKAGES);
    expect(installed).toBeLessThanOrEqual(MAX_INSTALLED_BYTES);
    expect(packedBytes).toBeLessThanOrEqual(MAX_PACKED_BYTES);
  });

  it("leads from page to page without a dead end", async () => {
    const here = join(folder, "node_modules/sluice");
    const dead: string[] = [];
    for (const page of packed.filter((path) => path.endsWith(".md"))) {
      const text = await readFile(join(here, page), "utf8");
      for (const [, link = ""] of text.matchAll(links)) {
        if (/^[a-z]+:/.test(link)) continue;
        const target = join(here, dirname(page), link);
        await access(target).catch(() => dead.push(`${page}: ${link}`));
      }
    }
    expect(dead).toEqual([]);
  });

  it("has a command", async () => {
    expect(
      await stranger.run("npx", "--no-install", "sluice", "--version"),
    ).toBe(stranger.tarball.version);
  });

  it("serves from a program, with handlers in TypeScript", async () => {
    await writeFile(
      join(folder, "handlers.ts"),
      `import { defineHandlers, type Connection } from "sluice";
       export default defineHandlers({
         message(connection: Connection, data: Buffer, isBinary: boolean) {
           connection.send(data, isBinary);
         },
       });`,
    );
    await writeFile(
      join(folder, "main.ts"),
      `import { serve, type SluiceServer } from "sluice";
       const server: SluiceServer = await serve({
         handlers: new URL("handlers.ts", import.meta.url),
         port: 0,
         workers: 1,
       });
       const client = new WebSocket(\`ws://127.0.0.1:\${server.address.port}\`);
       client.onopen = () => client.send("hello");
       client.onmessage = ({ data }) => {
         console.log(data);
         void server.shutdown();
       };
       client.onclose = ({ code }) => console.log(code);
       console.log((await server.terminated).outcomes.clean);`,
    );
    const lines = (await stranger.run(process.execPath, "main.ts")).split("\n");
    expect(lines.toSorted()).toEqual(["1", "1001", "hello"]);
  });

  it("brings the machines", async () => {
    await writeFile(
      join(folder, "machines.js"),
      `import { connectionMachine } from "sluice/machines";
       import { initialTransition } from "xstate";
       console.log(initialTransition(connectionMachine)[0].value.upgrading);`,
    );
    expect(await stranger.run(process.execPath, "machines.js")).toBe(
      "handshaking",
    );
  });

  it("writes a project whose test passes, by two commands", async () => {
    await stranger.run("npx", "--no-install", "sluice", "init", "service");
    const service = join(folder, "service");
    const { printed: stdout } = await stranger.try("cd service && npm test");
    expect(stdout).toMatch(/^(?:#|ℹ) pass 2$/m);
    expect(stdout).toMatch(/^(?:#|ℹ) fail 0$/m);
    await mkdir(join(service, "node_modules/@types"), { recursive: true });
    for (const name of ["@types/node", "undici-types"])
      await symlink(
        join(root, "node_modules", name),
        join(service, "node_modules", name),
      );
    const tsc = join(root, "node_modules/typescript/bin/tsc");
    expect(await stranger.run(process.execPath, tsc, "-p", "service")).toBe("");
  });

  it("does what the examples of the machines say", async () => {
    const wanted: string[] = [];
    for (const [index, code] of (
      await examplesOf("docs/api/sluice/machines.md")
    ).entries()) {
      const name = `machine-example-${index}.ts`;
      await stranger.write(name, code);
      const said = [...code.matchAll(/console\.log\(.*\); \/\/ (.*)$/gm)];
      expect(said.length).toBeGreaterThan(0);
      const expected = said.map(([, text = ""]) => text.replaceAll('"', "'"));
      const printed = await stranger.run(process.execPath, name);
      expect([code, printed]).toEqual([code, expected.join("\n")]);
      wanted.push(name);
    }
    expect(wanted).toHaveLength(5);
  });

  it("has types that stand on their own, and that the documents use as they are", async () => {
    const names = ["main.ts", "handlers.ts"];
    const api = await readdir(join(root, "docs/api"), { recursive: true });
    const pages = [
      "README.md",
      ...packed.filter(
        (path) => /^docs\/.*\.md$/.test(path) && !continued.includes(path),
      ),
      ...api
        .filter((name) => name.endsWith(".md"))
        .map((name) => `docs/api/${name}`),
    ];
    for (const page of pages)
      for (const [index, code] of (await examplesOf(page)).entries()) {
        const name = `${page.replaceAll(/[^a-z]+/gi, "-")}-${index}.ts`;
        await stranger.write(name, code);
        names.push(name);
      }
    expect(names.length).toBeGreaterThan(25);
    await stranger.write("tsconfig.json", { compilerOptions, include: names });
    const tsc = join(root, "node_modules/typescript/bin/tsc");
    expect(await stranger.run(process.execPath, tsc, "-p", ".")).toBe("");
  });
});
