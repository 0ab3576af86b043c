/** Dotted paths of the leaves of a state value; of parallel states, several. */
function leavesOf(value: unknown, parent = ""): string[] {
  if (typeof value === "string") return [`${parent}${value}`];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, child]) => {
    const leaves = leavesOf(child, `${parent}${name}.`);
    return leaves.length === 0 ? [`${parent}${name}`] : leaves;
  });
}

/** The name of a state value, as it is shown: `bidding.leading`, or `a.x, b.y` where states are parallel. */
export function nameOf(value: unknown): string {
  return leavesOf(value).join(", ");
}

/** A state value's leaves and all that they are within, each once. */
export function statesOf(value: unknown): ReadonlySet<string> {
  const states = new Set<string>();
  for (const leaf of leavesOf(value)) {
    const path = leaf.split(".");
    for (let depth = 1; depth <= path.length; depth++)
      states.add(path.slice(0, depth).join("."));
  }
  return states;
}
