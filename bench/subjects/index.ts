/** Every server that the benchmark knows. */
import { rivals } from "./rivals.ts";
import { sluice } from "./sluice.ts";
import type { Subject } from "./subject.ts";

export const subjects: readonly Subject[] = [sluice, ...rivals];

/**
 * Finds a server by its name.
 *
 * @throws RangeError that lists the names there are.
 */
export function subjectNamed(name: string): Subject {
  const found = subjects.find((subject) => subject.name === name);
  if (found === undefined) {
    const names = subjects.map((subject) => subject.name).join(", ");
    throw new RangeError(`No server is called "${name}"; there are ${names}.`);
  }
  return found;
}
