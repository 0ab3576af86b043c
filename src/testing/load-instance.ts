import { url as inspectorUrl } from "node:inspector";
import { registerHooks, stripTypeScriptTypes } from "node:module";

const INSTANCE = "sluice-shard";
let instances = 0;

/**
 * Imports a module anew: each shard has an instance of it, and what that imports
 * is shared. Coverage and debuggers know all of them as the one file that they
 * are.
 */
export async function loadInstance(module: URL): Promise<object> {
  const url = new URL(module);
  url.searchParams.set(INSTANCE, String(++instances));
  if (!isObserved()) return (await import(url.href)) as object;
  const naming = registerHooks({
    load(loaded, context, nextLoad) {
      const result = nextLoad(loaded, context);
      return loaded === url.href ? named(module.href, result) : result;
    },
  });
  try {
    return (await import(url.href)) as object;
  } finally {
    naming.deregister();
  }
}

/** Node measures coverage, or a debugger may come. Otherwise the name does not matter. */
function isObserved(): boolean {
  return (
    process.env["NODE_V8_COVERAGE"] !== undefined ||
    inspectorUrl() !== undefined
  );
}

type Loaded = ReturnType<
  NonNullable<Parameters<typeof registerHooks>[0]["load"]>
>;

/** As it was loaded, but for the name that V8 knows it by. */
function named(href: string, loaded: Loaded): Loaded {
  const { format, source } = loaded;
  if (source === undefined || source === null) return loaded;
  const text =
    typeof source === "string"
      ? source
      : Buffer.from(source as Uint8Array).toString();
  if (format === "module-typescript")
    return {
      ...loaded,
      format: "module",
      source: stripTypeScriptTypes(text, { sourceUrl: href }),
    };
  return format === "module"
    ? { ...loaded, source: `${text}\n//# sourceURL=${href}` }
    : loaded;
}
