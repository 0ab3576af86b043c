import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const endings = [".ts", ".mts", ".js", ".mjs", "/index.ts", "/index.js"];

/**
 * What to do about a handlers' module that cannot be loaded, for the mistakes
 * that newcomers make: Node says what it does not take, and not what it takes.
 *
 * @returns half a sentence, or `undefined` where Node's own words have to do
 */
export function wayOutOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const { message } = error;
  switch ("code" in error ? error.code : undefined) {
    case "ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX":
      return `Node runs TypeScript by leaving the types out, and so takes nothing that would have to be translated: write "const Color = { red: 0 } as const" for an enum, fields for parameter properties; "erasableSyntaxOnly" in tsconfig.json finds such places`;
    case "ERR_MODULE_NOT_FOUND":
      return wayToFile(message);
    case "ERR_UNSUPPORTED_DIR_IMPORT":
      return "write the name of the file in that folder too";
    default:
      return wayToModule(message);
  }
}

function wayToModule(message: string): string | undefined {
  if (/^(?:exports|require|module) is not defined/.test(message))
    return `the file is an ES module: write "import" and "export default", or let its name end in .cts (.cjs)`;
  if (/outside a module|^Unexpected token 'export'/.test(message))
    return `the file is taken for CommonJS: say "type": "module" in the nearest package.json ("npm pkg set type=module"), or let its name end in .mts`;
  // Types are left out one file at a time: whether a name is one, nobody looks up.
  if (/does not provide an export named/.test(message))
    return `if that is a type, say "import type" ("verbatimModuleSyntax" in tsconfig.json finds such places)`;
  return undefined;
}

/** `import "./db"` where there is a `db.ts`, and `./db.js` for it. */
function wayToFile(message: string): string | undefined {
  const [, wanted] = /^Cannot find module '([^']+)'/.exec(message) ?? [];
  if (wanted === undefined) return undefined;
  const path = wanted.startsWith("file:") ? fileURLToPath(wanted) : wanted;
  const bases = [path, path.replace(/\.[cm]?jsx?$/, "")];
  const found = bases
    .flatMap((base) => endings.map((ending) => `${base}${ending}`))
    .find((file) => existsSync(file));
  return found === undefined
    ? undefined
    : `there is ${found}: Node takes names of files as they are, with their ending ("./db.ts")`;
}
