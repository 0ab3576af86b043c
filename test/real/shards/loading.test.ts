import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startServer } from "../../support/server.ts";

/** In a thread, where Node itself loads modules. */
describe("a server's handlers", () => {
  let folder = "";
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "sluice-loading-"));
  });
  afterAll(async () => {
    await rm(folder, { recursive: true });
  });

  async function module(name: string, source: string): Promise<string> {
    const file = join(folder, name);
    await writeFile(file, source);
    return file;
  }

  it.each([
    [
      "compiled from a default export",
      'Object.defineProperty(exports, "__esModule", { value: true });\nexports.default = { message() {} };',
    ],
    [
      "compiled from exports by name",
      "exports.__esModule = true;\nexports.message = function () {};",
    ],
    ["written by hand", "module.exports = { message() {} };"],
  ])("may be CommonJS, %s", async (what, source) => {
    const handlers = await module(`${what.replaceAll(" ", "-")}.cjs`, source);
    const server = await startServer({ handlers });
    expect(server.ready).toBe(true);
  });

  it.each([
    ["mjs", "export default {\n  message( {\n    return 1;\n  },\n};\n", 3],
    ["ts", "export default {\n  message(data: any {\n  },\n};\n", 2],
    ["cjs", "\n\nmodule.exports = {;\n", 3],
  ])(
    "say where the syntax of their %s is wrong",
    async (type, source, line) => {
      const handlers = await module(`wrong.${type}`, source);
      await expect(startServer({ handlers })).rejects.toThrow(
        `(${handlers}:${line})`,
      );
    },
  );

  it("say where the syntax of what they import is wrong", async () => {
    const wrong = await module("part.mjs", "const fine = 1;\nconst = 2;");
    const handlers = await module("whole.mjs", 'import "./part.mjs";');
    await expect(startServer({ handlers })).rejects.toThrow(`(${wrong}:2)`);
  });

  it.each([
    [
      "an enum",
      "module/enum.ts",
      "enum Color { red }\nexport default { message() { return Color.red; } };",
      /enum\.ts:1\); .*write "const Color = .* as const" for an enum/,
    ],
    [
      "an import without its ending",
      "module/import.ts",
      'import "./part"; export default { message() {} };',
      /; there is .*module\/part\.ts: .*with their ending/,
    ],
    [
      "an import with the ending of what it is compiled to",
      "module/compiled.ts",
      'import "./part.js"; export default { message() {} };',
      /; there is .*module\/part\.ts: .*with their ending/,
    ],
    [
      "a module where the package says CommonJS",
      "commonjs/handlers.ts",
      'import "node:fs"; export default { message() {} };',
      /handlers\.ts:1\); .*"npm pkg set type=module"/,
    ],
    [
      "CommonJS where the package says module",
      "module/old.ts",
      "module.exports = { message() {} };",
      /; the file is an ES module: write "import" and "export default"/,
    ],
  ])("that have %s are told the way out", async (_, name, source, said) => {
    const [type = ""] = name.split("/");
    await mkdir(join(folder, type), { recursive: true });
    await module(`${type}/package.json`, JSON.stringify({ type }));
    await module(`${type}/part.ts`, "export const part = 1;");
    const handlers = await module(name, source);
    await expect(startServer({ handlers })).rejects.toThrow(said);
  });

  it("say where they import what another does not export", async () => {
    const handlers = await module(
      "nothing.mjs",
      'const fine = 1;\nimport { nothing } from "node:fs";',
    );
    await expect(startServer({ handlers })).rejects.toThrow(`(${handlers}:2)`);
  });
});
