import { readdir, readFile } from "node:fs/promises";
import { join, posix } from "node:path";
import { root } from "./built.ts";

/** One row of the table of folders in docs/architecture.md. */
export interface Folder {
  readonly path: string;
  /** Folders and files below `src`, and packages. */
  readonly mayImport: readonly string[];
}

/** The table of folders, with the basics spelled out. */
export async function readFolders(): Promise<readonly Folder[]> {
  const page = await readFile(join(root, "docs/architecture.md"), "utf8");
  const basics = namesIn(/^The basics are (.*?)\. /m.exec(page)?.[1] ?? "");
  const rows = page.matchAll(/^\| `((?:src|web)[^`]*)` *\|[^|]*\|([^|]*)\|$/gm);
  return [...rows].map(([, path = "", cell = ""]) => ({
    path,
    mayImport: [
      ...(cell.includes("the basics") ? basics : []),
      ...namesIn(cell),
    ],
  }));
}

function namesIn(cell: string): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, name = ""]) => name);
}

const isOurs = (name: string): boolean =>
  name.endsWith(".ts") ||
  /^(actors|admin|config|diagrams|machines|main|protocol|testing|topics|workers)(\/|$)/.test(
    name,
  );

/** The lint rule that holds a row. */
export function ruleFor(
  { path, mayImport }: Folder,
  packages: readonly string[],
): { files: string[]; group: string[] } {
  const isNested = path === "web";
  const allowed = mayImport.filter(isOurs).map((name) => {
    const from = isNested ? `**/src/${name}` : relative(path, name);
    return name.endsWith(".ts") ? `!${from}` : `!${from}/**`;
  });
  const forbidden = packages.filter((name) => !mayImport.includes(name));
  const files = path === "src/main" || path === "src/workers" ? "*" : "**";
  return {
    files: [`${path}/${files}`],
    group: [
      isNested ? "**/src/**" : "../**",
      ...subfolders(path),
      ...allowed,
      ...(isNested ? [] : forbidden),
    ],
  };
}

/** Files of `src/main` and `src/workers` see their subfolders by name. */
function subfolders(path: string): string[] {
  return path === "src/main" || path === "src/workers" ? ["./*/**"] : [];
}

function relative(path: string, name: string): string {
  const way = posix.relative(path, `src/${name}`);
  return way.startsWith(".") ? way : `./${way}`;
}

/** A part of `src/main` or `src/workers`: a file, or a folder, whose name ends with a slash. */
export type Part = string;

/** The picture of a folder in docs/architecture.md: its lines from the top, each with the parts that stand there. */
export async function readPicture(folder: string): Promise<readonly Part[][]> {
  const page = await readFile(join(root, "docs/architecture.md"), "utf8");
  const begin = page.indexOf(`\n${folder}\n`) + folder.length + 2;
  const lines = page.slice(begin, page.indexOf("\n```", begin)).split("\n");
  // What a line is for stands behind three spaces.
  return lines.map((line) => (line.split(/ {3,}/)[0] ?? "").trim().split(/ +/));
}

/** Which parts of a folder import which others, by the tree. */
export async function readImports(
  folder: string,
): Promise<ReadonlyMap<Part, ReadonlySet<Part>>> {
  const base = join(root, folder);
  const names = await readdir(base, { recursive: true });
  const imports = new Map<Part, Set<Part>>();
  for (const name of names.filter((each) => /(?<!\.d)\.ts$/.test(each))) {
    const part = partOf(name);
    const known = imports.get(part) ?? new Set();
    imports.set(part, known);
    const text = await readFile(join(base, name), "utf8");
    for (const [, to = ""] of text.matchAll(/ from "(\.[^"]+)"/g)) {
      const target = posix.join(posix.dirname(name), to);
      if (!target.startsWith("..")) known.add(partOf(target));
    }
    known.delete(part);
  }
  return imports;
}

function partOf(file: string): Part {
  const [first = "", rest] = file.split("/");
  return rest === undefined ? first.replace(/\.ts$/, "") : `${first}/`;
}
