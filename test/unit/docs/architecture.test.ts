import { execFile } from "node:child_process";
import {
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join, posix } from "node:path";
import { expect, it } from "vitest";
import {
  readFolders,
  readImports,
  readPicture,
  ruleFor,
} from "../../support/architecture.ts";
import { root } from "../../support/built.ts";

interface Override {
  readonly files: string[];
  readonly rules: {
    readonly "no-restricted-imports"?: [
      string,
      { patterns: { group: string[] }[] },
    ];
  };
}

async function readOverrides(): Promise<readonly Override[]> {
  const text = await readFile(join(root, ".oxlintrc.json"), "utf8");
  const { overrides } = JSON.parse(text) as { overrides: Override[] };
  return overrides.filter(({ rules }) => "no-restricted-imports" in rules);
}

it("has a row for each folder of the tree, and no other", async () => {
  const rows = (await readFolders()).map(({ path }) => path);
  const entries = await readdir(join(root, "src"), {
    recursive: true,
    withFileTypes: true,
  });
  const folders = entries
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
    .map(({ parentPath }) => posix.relative(root, parentPath));
  expect(rows.toSorted()).toEqual([...new Set(folders), "web"].toSorted());
});

it("names only files and folders that there are", async () => {
  const entries = await readdir(join(root, "src"), { recursive: true });
  const folders = await readFolders();
  const named = folders.flatMap(({ mayImport }) => mayImport);
  const missing = named.filter(
    (name) =>
      /[/]|\.ts$/.test(name) &&
      !name.startsWith("@") &&
      !entries.includes(name),
  );
  expect(missing).toEqual([]);
});

it("gives no two sources one name, but for the entries of the package", async () => {
  const manifest = await readFile(join(root, "package.json"), "utf8");
  const { exports } = JSON.parse(manifest) as {
    exports: Record<string, { default?: string }>;
  };
  const entries = Object.values(exports).map(({ default: built = "" }) =>
    built.replace(/^\.\/dist\/(.*)\.js$/, "$1.ts"),
  );
  const files = await readdir(join(root, "src"), { recursive: true });
  const sources = files.filter(
    (file) => file.endsWith(".ts") && !entries.includes(file),
  );
  expect(sources.length).toBeGreaterThan(200);
  const byName = Map.groupBy(sources, (file) => basename(file));
  const twice = [...byName.values()].filter((same) => same.length > 1);
  expect(twice).toEqual([]);
});

it.each(["src/main", "src/workers"])(
  "draws %s as it is: every part once, and no import that leads upwards",
  async (folder) => {
    const picture = await readPicture(folder);
    const imports = await readImports(folder);
    expect(picture.flat().toSorted()).toEqual([...imports.keys()].toSorted());
    const lineOf = (part: string): number =>
      picture.findIndex((line) => line.includes(part));
    const upwards = [...imports].flatMap(([part, others]) =>
      [...others]
        .filter((other) => lineOf(other) <= lineOf(part))
        .map((other) => `${part} → ${other}`),
    );
    expect(upwards).toEqual([]);
  },
);

it("says what the linter holds", async () => {
  const manifest = await readFile(join(root, "package.json"), "utf8");
  const { dependencies } = JSON.parse(manifest) as { dependencies: object };
  const packages = ["node:*", "@nats-io/*", ...Object.keys(dependencies)];
  const [, ...rows] = await readFolders();
  const held = (await readOverrides()).map(({ files, rules }) => ({
    files,
    group: rules["no-restricted-imports"]?.[1].patterns.flatMap(
      ({ group }) => group,
    ),
  }));
  expect(held).toEqual(rows.map((row) => ruleFor(row, packages)));
});

it("lets each folder import what its row names, and nothing else", async () => {
  const folder = await mkdtemp(join(tmpdir(), "sluice-lint-"));
  try {
    const [, ...rows] = await readFolders();
    const places = rows.filter(({ path }) => path !== "web");
    const refused: string[] = [];
    for (const { path, mayImport } of places)
      for (const target of places) {
        if (target.path === path) continue;
        const name = `${path}/to-${target.path.replaceAll("/", "-")}.ts`;
        const to = posix.relative(path, `${target.path}/some.ts`);
        await mkdir(dirname(join(folder, name)), { recursive: true });
        await writeFile(
          join(folder, name),
          `import "${to.startsWith(".") ? to : `./${to}`}";\n`,
        );
        if (!mayImport.includes(target.path.slice("src/".length)))
          refused.push(name);
      }
    await writeFile(
      join(folder, ".oxlintrc.json"),
      JSON.stringify({ overrides: await readOverrides() }),
    );
    expect(await lint(folder)).toEqual(refused.toSorted());
  } finally {
    await rm(folder, { recursive: true });
  }
});

/** The files that the linter finds something in. */
function lint(folder: string): Promise<string[]> {
  const oxlint = join(root, "node_modules/.bin/oxlint");
  return new Promise((resolve, reject) => {
    // It fails where it finds something, and here it has to.
    execFile(
      oxlint,
      ["--allow", "all", "--format", "json"],
      { cwd: folder, maxBuffer: 2 ** 24 },
      (_, stdout) => {
        try {
          const { diagnostics } = JSON.parse(stdout) as {
            diagnostics: { filename: string }[];
          };
          resolve(diagnostics.map(({ filename }) => filename).toSorted());
        } catch (error) {
          reject(error);
        }
      },
    );
  });
}
