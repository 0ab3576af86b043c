import { describe, expect, it } from "vitest";
import {
  type Balance,
  type Candidate,
  chooseShard,
} from "../../../../src/main/accept/balancer.ts";

function shard(load: number, details: Partial<Candidate> = {}): Candidate {
  return { load, isAccepting: true, isBlocked: false, ...details };
}

/** The choices of a number of sockets, each of which adds to the load of its shard. */
function choices(
  balance: Balance,
  loads: readonly number[],
  count: number,
): (number | undefined)[] {
  const shards = loads.map((load) => ({ ...shard(0), load }));
  let previous = -1;
  return Array.from({ length: count }, () => {
    const chosen = chooseShard(balance, shards, previous);
    if (chosen !== undefined) {
      previous = chosen;
      (shards[chosen] as { load: number }).load++;
    }
    return chosen;
  });
}

describe("the balancer", () => {
  it("gives a socket to the shard with the fewest connections", () => {
    expect(
      chooseShard("least-connections", [shard(5), shard(3), shard(4)], -1),
    ).toBe(1);
  });

  it("lets equals take turns", () => {
    expect(choices("least-connections", [0, 0, 0], 6)).toEqual([
      0, 1, 2, 0, 1, 2,
    ]);
  });

  it("fills up the one that has fewer before it goes around", () => {
    expect(choices("least-connections", [3, 0, 3], 5)).toEqual([1, 1, 1, 2, 0]);
  });

  it("goes around whatever the load with round-robin", () => {
    expect(choices("round-robin", [9, 0, 5], 4)).toEqual([0, 1, 2, 0]);
  });

  it.each(["least-connections", "round-robin"] as const)(
    "passes over shards that do not accept (%s)",
    (balance) => {
      const shards = [shard(9), shard(0, { isAccepting: false }), shard(9)];
      expect(chooseShard(balance, shards, 0)).toBe(2);
    },
  );

  it.each(["least-connections", "round-robin"] as const)(
    "passes over a blocked shard while another accepts (%s)",
    (balance) => {
      const shards = [shard(9), shard(0, { isBlocked: true })];
      expect(chooseShard(balance, shards, 0)).toBe(0);
      expect(chooseShard(balance, shards, 1)).toBe(0);
    },
  );

  it("takes a blocked shard when there is no other", () => {
    const shards = [
      shard(0, { isAccepting: false }),
      shard(4, { isBlocked: true }),
    ];
    expect(chooseShard("least-connections", shards, -1)).toBe(1);
  });

  it("chooses none when none accepts", () => {
    const shards = [shard(0, { isAccepting: false })];
    expect(chooseShard("round-robin", shards, 0)).toBeUndefined();
    expect(chooseShard("least-connections", [], -1)).toBeUndefined();
  });
});
