import { nameOf, statesOf } from "./state-names.ts";

interface Group {
  readonly name: string;
  readonly states: ReadonlySet<string>;
  members: number;
}

/**
 * How many actors are where. A change costs a lookup; what is asked for is
 * summed up when it is asked.
 */
export class Population {
  /** By name: as many as there are different states with somebody in them. */
  readonly #groups = new Map<string, Group>();

  /** @returns the group, to be left again */
  join(value: unknown): Group {
    const name = nameOf(value);
    let group = this.#groups.get(name);
    if (group === undefined) {
      group = { name, states: statesOf(value), members: 0 };
      this.#groups.set(name, group);
    }
    group.members++;
    return group;
  }

  leave(group: Group): void {
    if (--group.members === 0) this.#groups.delete(group.name);
  }

  get counts(): [state: string, count: number][] {
    const counts = new Map<string, number>();
    for (const { states, members } of this.#groups.values())
      for (const state of states)
        counts.set(state, (counts.get(state) ?? 0) + members);
    return [...counts];
  }
}

export type { Group };
