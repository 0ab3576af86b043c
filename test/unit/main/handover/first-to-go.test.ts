import { describe, expect, it } from "vitest";
import { firstToGo } from "../../../../src/main/handover/first-to-go.ts";

describe("those who go first to a new version", () => {
  it.each<[readonly number[], readonly number[]]>([
    [
      [1_000, 500],
      [20, 10],
    ],
    [
      [101, 51],
      [3, 2],
    ],
  ])("are a share of each shard: of %j they are %j", (movable, first) => {
    expect(firstToGo(movable)).toEqual(first);
  });

  it.each<[readonly number[], readonly number[]]>([
    [
      [10, 0],
      [2, 0],
    ],
    [[40], [2]],
    [
      [5, 5],
      [1, 1],
    ],
    [
      [3, 0, 5],
      [1, 0, 1],
    ],
  ])(
    "are enough to judge by, also where few are connected: of %j they are %j",
    (movable, first) => {
      expect(firstToGo(movable)).toEqual(first);
    },
  );

  it("are no more than there are", () => {
    expect(firstToGo([1, 0])).toEqual([1, 0]);
    expect(firstToGo([0, 0])).toEqual([0, 0]);
    expect(firstToGo([])).toEqual([]);
  });
});
