/**
 * What a module gives by default, however it was compiled. TypeScript and
 * bundlers that write CommonJS put it into `exports.default` and set
 * `__esModule`; Node gives the whole `exports` as the default then.
 *
 * @param namespace - What `import()` has resolved with.
 * @returns the default export, or the exports themselves where there is none
 */
export function defaultExportOf(namespace: object): unknown {
  if (!("default" in namespace)) return namespace;
  const exported = namespace.default;
  const isCompiled =
    typeof exported === "object" &&
    exported !== null &&
    "__esModule" in exported &&
    exported.__esModule === true;
  return isCompiled && "default" in exported ? exported.default : exported;
}
