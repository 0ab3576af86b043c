import { describe, expect, it } from "vitest";
import { Descriptors } from "../../../src/main/descriptors.ts";

/** Descriptors with a limit of 1,000 for two shards; clock and table are made up. */
function ofAThousand() {
  const process = { ms: 0, inUse: 0, told: 0, looks: 0 };
  const descriptors = new Descriptors(
    2,
    () => process.told++,
    1_000,
    () => process.ms,
    () => {
      process.looks++;
      return process.inUse;
    },
  );
  return { process, descriptors };
}

describe("descriptors", () => {
  it("are clients' up to the reserve; before it begins, they are refused with an answer", () => {
    const { process, descriptors } = ofAThousand();
    expect(descriptors.forClients).toBe(1_000 - 64 - 2 * 8 - 32);
    process.inUse = 888;
    expect(descriptors.take()).toBe("scarce");
    process.inUse = 919;
    expect(descriptors.take()).toBe("scarce");
    process.inUse = 920;
    expect(descriptors.take()).toBe("spent");
    process.inUse = Infinity;
    expect(descriptors.take()).toBe("spent");
    expect(descriptors.refused).toBe(4);
    process.inUse = 887;
    expect(descriptors.take()).toBe("plenty");
    expect(descriptors.refused).toBe(4);
  });

  it("are looked at once for eight sockets while there are plenty", () => {
    const { process, descriptors } = ofAThousand();
    for (let i = 0; i < 64; i++) descriptors.take();
    expect(process.looks).toBe(8);
  });

  it("that are scarce are told of once in a while", () => {
    const { process, descriptors } = ofAThousand();
    process.inUse = 950;
    for (let i = 0; i < 100; i++) descriptors.take();
    expect(process.told).toBe(1);
    process.ms = 10_000;
    descriptors.take();
    expect(process.told).toBe(2);
  });

  it("are shared by halves where the limit is low, and without end where there is none", () => {
    expect(new Descriptors(8, () => {}, 128).forClients).toBe(32);
    const endless = new Descriptors(
      8,
      () => {},
      Infinity,
      undefined,
      () => 1e6,
    );
    expect(endless.take()).toBe("plenty");
  });
});
