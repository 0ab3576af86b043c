/**
 * So many levels of user data travel. Main's stack is smaller than that of a
 * shard, and what it cannot read is lost, or ends the process that it is sent
 * to: both begin beyond 2,000 plain objects within each other.
 */
const MOST_LEVELS = 1_000;

/**
 * Whether data is nested more deeply than every thread on its way can read. It
 * is walked as structuredClone walks it, each object where it is met first, but
 * without recursion.
 *
 * @throws whatever a getter throws.
 */
export function isTooDeep(data: unknown): boolean {
  if (!isNested(data)) return false;
  const met = new Set<object>([data]);
  const path = [partsOf(data)];
  for (;;) {
    const parts = path.at(-1);
    if (parts === undefined) return false;
    const { value, done } = parts.next();
    if (done === true) path.pop();
    else if (isNested(value) && !met.has(value)) {
      if (path.length >= MOST_LEVELS) return true;
      met.add(value);
      path.push(partsOf(value));
    }
  }
}

function isNested(value: unknown): value is object {
  return (
    typeof value === "object" && value !== null && !ArrayBuffer.isView(value)
  );
}

function* partsOf(whole: object): Generator<unknown, undefined> {
  if (whole instanceof Map)
    for (const [key, value] of whole) {
      yield key;
      yield value;
    }
  else if (whole instanceof Set) yield* whole;
  else if (whole instanceof Error) yield whole.cause;
  else for (const key of Object.keys(whole)) yield Reflect.get(whole, key);
  return undefined;
}
