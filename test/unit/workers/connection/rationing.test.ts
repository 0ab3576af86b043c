import { describe, expect, it } from "vitest";
import { MemoryBudget } from "../../../../src/protocol/memory-budget.ts";
import {
  type Rationed,
  Rationing,
} from "../../../../src/workers/connection/rationing.ts";

const MAX = 1_000_000;
const PATIENCE_MS = 30_000;

class Holder implements Rationed {
  weight: number;
  isRationed = false;
  isOpen = true;
  readonly told: string[] = [];

  constructor(weight: number) {
    this.weight = weight;
  }

  has(): boolean {
    return this.isOpen;
  }

  ration(): void {
    this.told.push("ration");
  }

  relieveRation(): void {
    this.told.push("relieve");
  }

  shed(): void {
    this.told.push("shed");
    this.isOpen = false;
  }
}

/** One of two shards; the other one holds what the test says. */
function begin(...weights: number[]) {
  const budget = MemoryBudget.create(2);
  const rationing = new Rationing<Holder>(MAX, budget, 0);
  const holders = weights.map((weight) => new Holder(weight));
  const total = (): number =>
    holders.reduce((sum, { weight }) => sum + weight, 0);
  return {
    budget,
    rationing,
    holders,
    look: (now = 0): string[] => {
      rationing.changed(total());
      rationing.look(holders, total(), now, PATIENCE_MS);
      return holders.map(({ told }) => told.join());
    },
  };
}

describe("the budget of memory", () => {
  it("leaves everybody alone below three quarters", () => {
    expect(begin(700_000, 50_000).look()).toEqual(["", ""]);
  });

  it("has the largest holders not read from above", () => {
    const { holders, look } = begin(100_000, 600_000, 60_000);
    expect(look()).toEqual(["", "ration", ""]);
    expect(holders.map(({ isRationed }) => isRationed)).toEqual([
      false,
      true,
      false,
    ]);
  });

  it("reads on when it is half of it again, and not before", () => {
    const { holders, look } = begin(100_000, 700_000);
    look();
    (holders[1] as Holder).weight = 450_000;
    expect(look()[1]).toBe("ration");
    (holders[1] as Holder).weight = 400_000;
    expect(look()[1]).toBe("ration,relieve");
  });

  it("closes the largest first when it is exceeded, and no more than it has to", () => {
    const { look } = begin(300_000, 500_000, 210_000);
    expect(look()).toEqual(["ration", "ration,shed", ""]);
  });

  it("closes one that holds it all by itself", () => {
    expect(begin(MAX + 1).look()).toEqual(["ration,shed"]);
  });

  it("waits for those whom it has closed before it closes more", () => {
    const { look } = begin(300_000, 500_000, 210_000);
    look();
    expect(look()[0]).not.toContain("shed");
    expect(look()[2]).not.toContain("shed");
  });

  it("closes who is not read from for too long", () => {
    const { look } = begin(800_000, 10_000);
    look(0);
    expect(look(PATIENCE_MS - 1)[0]).toBe("ration");
    expect(look(PATIENCE_MS)[0]).toBe("ration,shed");
  });

  it("counts what the other shards hold, and leaves their share to them", () => {
    const { budget, look } = begin(10_000, 5_000);
    budget.set(1, 2 * MAX);
    expect(look().join()).not.toContain("shed,shed");
    const { budget: full, look: lookThere } = begin(500_000, 5_000);
    full.set(1, 600_000);
    expect(lookThere()[0]).toContain("shed");
  });

  it("forgets who has ended, and reads from who holds nothing any more", () => {
    const { rationing, holders, look } = begin(800_000);
    look();
    rationing.forget(holders[0] as Holder);
    expect(holders[0]).toMatchObject({
      isRationed: false,
      told: ["ration", "relieve"],
    });
  });

  it("is looked at once a shard holds a little more, and again after less", () => {
    const { rationing } = begin(0);
    expect(rationing.changed(MAX / 100)).toBe(false);
    expect(rationing.changed(MAX / 60)).toBe(true);
    rationing.look([], MAX / 60, 0, PATIENCE_MS);
    expect(rationing.changed(MAX / 59)).toBe(false);
    expect(rationing.changed(0)).toBe(false);
    expect(rationing.changed(MAX / 60)).toBe(true);
  });
});
