/**
 * Makes the built package light: scripts without comments and indentation, and
 * with short names for what is local to a function, but with those that a stack
 * trace shows; types of what the entries export, with the comments that editors
 * show; and of the types behind them no comments, and no prose.
 */
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { transform } from "esbuild";
import { minify } from "terser";

/** So that Node, which shows the line that threw, fills no screen. */
const LINE_LENGTH = 160;

/** Of a description that is known word for word, users' types need that it is a text. */
const PROSE = /(readonly (?:description|defaultText): )"[^"\n]*";/g;

const dist = new URL("../dist/", import.meta.url);

await Promise.all([slimScripts(), dropInnerTypes()]);

async function slimScripts(): Promise<void> {
  for (const name of await namesOf(".js")) {
    if (name.startsWith("inspector/")) continue;
    const file = new URL(name, dist);
    const { code } = await transform(await readFile(file, "utf8"), {
      format: "esm",
      target: "esnext",
      legalComments: "none",
      minifyWhitespace: true,
      minifySyntax: true,
    });
    const slim = await minify(code, {
      ecma: 2020,
      module: true,
      compress: false,
      mangle: {
        toplevel: false,
        module: false,
        keep_fnames: true,
        keep_classnames: true,
      },
      format: { max_line_len: LINE_LENGTH },
    });
    await writeFile(file, slim.code ?? code);
  }
}

async function dropInnerTypes(): Promise<void> {
  const { exports } = JSON.parse(
    await readFile(new URL("../package.json", import.meta.url), "utf8"),
  ) as { exports: Record<string, { types?: string }> };
  const entries = Object.values(exports)
    .map(({ types }) => types)
    .filter((types) => types !== undefined)
    .map((types) => new URL(`../${types}`, dist).href);
  const shown = new Set(entries);
  for (const entry of entries)
    for (const direct of await importsOf(entry)) shown.add(direct);
  const needed = new Set<string>();
  const waiting = [...entries];
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    if (needed.has(file)) continue;
    needed.add(file);
    waiting.push(...(await importsOf(file)));
  }
  for (const name of await namesOf(".d.ts")) {
    const file = new URL(name, dist);
    if (!needed.has(file.href)) await rm(file);
    else if (!shown.has(file.href)) await dropComments(file);
  }
}

async function importsOf(file: string): Promise<readonly string[]> {
  const text = await readFile(new URL(file), "utf8");
  const paths = text.matchAll(/(?:from|import)\s*\(?\s*"(\.[^"]*)\.ts"/g);
  return [...paths].map(([, path = ""]) => new URL(`${path}.d.ts`, file).href);
}

async function dropComments(file: URL): Promise<void> {
  const text = await readFile(file, "utf8");
  const bare = text.replaceAll(/^\s*\/\*\*[^]*?\*\/\n/gm, "");
  await writeFile(file, bare.replaceAll(PROSE, "$1string;"));
}

async function namesOf(end: string): Promise<readonly string[]> {
  const names = await readdir(dist, { recursive: true });
  return names.filter((name) => name.endsWith(end));
}
