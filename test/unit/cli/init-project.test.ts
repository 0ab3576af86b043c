import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import {
  initProject,
  renderInitialized,
} from "../../../src/cli/init-project.ts";
import { root } from "../../support/built.ts";

let home = "";
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "sluice-init-"));
});
afterEach(() => rmSync(home, { recursive: true }));

const manifestOf = (folder: string): Record<string, unknown> =>
  JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Record<
    string,
    unknown
  >;

const files = [
  ".dockerignore",
  ".gitignore",
  "Dockerfile",
  "handlers.test.ts",
  "handlers.ts",
  "package.json",
  "service.service",
  "tsconfig.json",
];

describe("sluice init", () => {
  it("writes all that a project has into a folder that it makes", () => {
    const folder = join(home, "My Service");
    expect(initProject(folder, home)).toMatchObject({ kept: [] });
    expect(readdirSync(folder).toSorted()).toEqual(files);
    expect(manifestOf(folder)).toMatchObject({
      name: "my-service",
      type: "module",
      scripts: { start: "exec sluice serve handlers.ts", test: "node --test" },
      dependencies: { sluice: expect.stringMatching(/^\^\d/) },
      devDependencies: { node: expect.stringMatching(/^\^26/) },
    });
  });

  it("keeps every file that is there, and every entry of package.json", () => {
    const mine = {
      name: "mine",
      type: "module",
      scripts: { test: "vitest", lint: "oxlint" },
      dependencies: { sluice: "file:../sluice.tgz", typescript: "^5.9.0" },
      devDependencies: { node: "^24.20.0" },
    };
    writeFileSync(join(home, "package.json"), JSON.stringify(mine));
    writeFileSync(join(home, "handlers.ts"), "// mine\n");
    const done = initProject(home, home);
    expect(done).toMatchObject({ kept: ["handlers.ts"] });
    expect(readFileSync(join(home, "handlers.ts"), "utf8")).toBe("// mine\n");
    const manifest = manifestOf(home);
    expect(manifest).toMatchObject(mine);
    expect(manifest["dependencies"]).toEqual(mine.dependencies);
    expect(manifest["devDependencies"]).not.toHaveProperty("typescript");
  });

  it("changes nothing the second time, and says so", () => {
    initProject(home, home);
    const before = files.map((name) => readFileSync(join(home, name), "utf8"));
    const done = initProject(home, home);
    expect(files.map((name) => readFileSync(join(home, name), "utf8"))).toEqual(
      before,
    );
    expect(done).toMatchObject({ written: [] });
    if (typeof done === "string") throw new Error(done);
    expect(renderInitialized(home, done)).toContain(
      "handlers.ts, which was there",
    );
  });

  it("takes the place of what npm init says where there is no test", () => {
    const test = 'echo "Error: no test specified" && exit 1';
    const given = JSON.stringify({ scripts: { test, lint: "oxlint" } });
    writeFileSync(join(home, "package.json"), given);
    initProject(home, home);
    expect(manifestOf(home)).toMatchObject({
      scripts: { test: "node --test", lint: "oxlint" },
    });
  });

  it("has Sluice from where the project around it has it", () => {
    const sluice = "file:../packed/sluice-0.1.0.tgz";
    const given = JSON.stringify({ dependencies: { sluice } });
    writeFileSync(join(home, "package.json"), given);
    initProject(join(home, "service"), home);
    expect(manifestOf(join(home, "service"))).toMatchObject({
      dependencies: { sluice: "file:../../packed/sluice-0.1.0.tgz" },
    });
  });

  it.each([
    ['{ "type": "commonjs" }', /"type": "commonjs".*npm pkg set type=module/],
    ["[]", /is no JSON object/],
    ["{ nonsense", /is no JSON object/],
  ])("writes nothing beside a package.json that is %s", (given, said) => {
    const folder = join(home, "service");
    mkdirSync(folder);
    writeFileSync(join(folder, "package.json"), given);
    expect(initProject(folder, home)).toMatch(said);
    expect(readdirSync(folder)).toEqual(["package.json"]);
    expect(readFileSync(join(folder, "package.json"), "utf8")).toBe(given);
  });

  it.each(["Dockerfile", "service.service"])(
    "writes the %s that the documentation shows",
    (name) => {
      const page = readFileSync(join(root, "docs/deployment.md"), "utf8");
      const text = readFileSync(join(root, "examples/starter", name), "utf8");
      expect(page).toContain(`\n${text}\`\`\`\n`);
    },
  );
});
