import { inspect } from "node:util";
import { suggest } from "./suggest.ts";

/** `heartbeat: no such option; did you mean heartbeatIntervalMs?` */
export function describeUnknown(
  name: string,
  known: readonly string[],
): string {
  const meant = suggest(name, known);
  return meant === undefined
    ? `${name}: no such option`
    : `${name}: no such option; did you mean ${meant}?`;
}

/** What was given, on one line. */
export function show(value: unknown): string {
  return typeof value === "string"
    ? JSON.stringify(value)
    : inspect(value, { breakLength: Infinity, depth: 1 });
}
