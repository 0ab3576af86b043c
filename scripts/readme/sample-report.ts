import type { ShutdownReport } from "../../src/index.ts";

/** A shutdown as it may go, to show what a report looks like. The figures are nobody's measurement. */
export const sampleReport: ShutdownReport = {
  reason: "SIGTERM",
  accepted: 5012,
  rejected: 12,
  opened: 5000,
  movedIn: 0,
  movedOut: 0,
  outcomes: {
    rejected: 12,
    clean: 4963,
    unacknowledged: 21,
    forced: 9,
    lost: 7,
    crashed: 0,
  },
  closeCodes: { 1000: 610, 1001: 4374, 1006: 16 },
  durationMs: 8004,
  deadlineMs: 8000,
  deadlineHeld: true,
  balanced: true,
  shardsKilled: 0,
  shardsStuck: 0,
  shardsCrashed: 0,
  states: {
    "upgrading.handshaking": { count: 5012, p50Ms: 2, p99Ms: 8, maxMs: 19 },
    "open.healthy": { count: 5400, p50Ms: 61_000, p99Ms: 9e5, maxMs: 1.2e6 },
    "open.congested": { count: 31, p50Ms: 410, p99Ms: 2300, maxMs: 2300 },
    closing: { count: 4390, p50Ms: 0, p99Ms: 180, maxMs: 210 },
    "draining.awaiting": { count: 4374, p50Ms: 24, p99Ms: 310, maxMs: 7900 },
  },
};
