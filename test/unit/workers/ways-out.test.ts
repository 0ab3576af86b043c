import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

const loader = new URL(
  "../../../src/workers/load-handlers.ts",
  import.meta.url,
);
/** Node's own loader is asked: that of the tests takes more than it does. */
const script = `
  const { loadHandlers } = await import(${JSON.stringify(loader.href)});
  const said = {};
  for (const file of process.argv.slice(1))
    said[file] = await loadHandlers(file).then(() => "", (error) => error.message);
  console.log(JSON.stringify(said));
`;

const hooks = "export default { message() {} };";

/** What newcomers write, by the file that it stands in. */
const mistakes: Readonly<Record<string, string>> = {
  "modules/package.json": `{ "type": "module" }`,
  "modules/db.ts": "export const balance = 12;\nexport interface Account {}",
  "modules/enum.ts": `enum Color { red }\nconsole.log(Color.red);\n${hooks}`,
  "modules/no-ending.ts": `import { balance } from "./db";\nconsole.log(balance);\n${hooks}`,
  "modules/js-for-ts.ts": `import { balance } from "./db.js";\nconsole.log(balance);\n${hooks}`,
  "modules/require.ts": `const db = require("./db.ts");\n${hooks}`,
  "modules/type.ts": `import { Account } from "./db.ts";\nexport const none: Account = {};\n${hooks}`,
  "commonjs/package.json": `{ "type": "commonjs" }`,
  "commonjs/import.ts": `import { join } from "node:path";\nconsole.log(join);\n${hooks}`,
  "commonjs/export.ts": hooks,
};

describe("a module that cannot be loaded", () => {
  let folder = "";
  let said: Readonly<Record<string, string>> = {};

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "sluice-ways-out-"));
    for (const [name, text] of Object.entries(mistakes)) {
      await mkdir(dirname(join(folder, name)), { recursive: true });
      await writeFile(join(folder, name), text);
    }
    const files = Object.keys(mistakes).map((name) => join(folder, name));
    const { stdout } = await promisify(execFile)(process.execPath, [
      ...["--input-type", "module", "--eval", script, "--"],
      ...files.filter((file) => file.endsWith(".ts")),
    ]);
    said = JSON.parse(stdout) as Readonly<Record<string, string>>;
  });
  afterAll(() => rm(folder, { recursive: true }));

  it.each([
    ["has an enum", "modules/enum.ts", /as const" for an enum/],
    [
      "imports without an ending",
      "modules/no-ending.ts",
      /there is .*db\.ts: /,
    ],
    ["imports what is compiled", "modules/js-for-ts.ts", /there is .*db\.ts: /],
    ["requires", "modules/require.ts", /write "import" and "export default"/],
    ["imports a type as a value", "modules/type.ts", /say "import type"/],
    ["imports in CommonJS", "commonjs/import.ts", /npm pkg set type=module/],
    ["exports in CommonJS", "commonjs/export.ts", /npm pkg set type=module/],
  ])("because it %s is told the way out", (_, name, wayOut) => {
    expect(said[join(folder, name)]).toMatch(wayOut);
  });
});
