import type { InstanceEntry } from "../../../../src/main/cluster/engine.ts";

/** What an instance says of itself in the registry. */
export const INSTANCE: InstanceEntry = {
  id: "host-1-abc",
  startedAt: 1_700_000_000_000,
  address: "10.0.0.1:8080",
  version: "1.2.3",
  state: "listening",
  workers: 4,
  connections: 1_000,
  utilization: 0.25,
  acceptRate: 500,
};
