import { describe, expect, it } from "vitest";
import { Registry } from "../../../../src/workers/lifecycle/registry.ts";
import { FakeConnection } from "../../../support/fake-connection.ts";

function fill(count: number): {
  registry: Registry<FakeConnection>;
  connections: FakeConnection[];
} {
  const registry = new Registry<FakeConnection>();
  const connections = Array.from(
    { length: count },
    (_, index) => new FakeConnection(index + 1),
  );
  for (const connection of connections) registry.add(connection);
  return { registry, connections };
}

describe("the registry", () => {
  it("knows whom it has, by number and in all", () => {
    const { registry, connections } = fill(200);
    expect(registry.size).toBe(200);
    expect(registry.get(7)).toBe(connections[6]);
    expect(registry.get(201)).toBeUndefined();
    expect(new Set(registry)).toEqual(new Set(connections));
  });

  it("forgets each only once", () => {
    const { registry, connections } = fill(2);
    const [one] = connections as [FakeConnection];
    registry.delete(one);
    registry.delete(one);
    expect(registry.size).toBe(1);
    expect(registry.get(1)).toBeUndefined();
  });

  it("goes through all of them in as many slices as it says, of equal size", () => {
    const { registry } = fill(640);
    const slices = Array.from({ length: registry.sliceCount }, () => [
      ...registry.nextSlice(),
    ]);
    expect(slices.every((slice) => slice.length === 10)).toBe(true);
    expect(new Set(slices.flat()).size).toBe(640);
    expect([...registry.nextSlice()]).toEqual(slices[0]);
  });
});
