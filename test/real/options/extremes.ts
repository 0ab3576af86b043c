import {
  type OptionKey,
  optionTable,
  type ServerOptions,
} from "../../../src/config.ts";
import type { OptionRow } from "../../../src/config/rows.ts";
import type { SluiceServer } from "../../../src/index.ts";

/** One option at the end of what it takes. */
export interface Extreme {
  readonly key: OptionKey;
  readonly value: unknown;
  /** For the name of its test. */
  readonly shown: string;
  /** What has to stand beside it, so that the two do not contradict one another. */
  readonly beside: ServerOptions;
}

const GIB = 1024 ** 3;
/** Fewer than the table takes, for the sake of time; `EXTREME_WORKERS=256` starts all of them. */
const MANY_WORKERS = Number(process.env["EXTREME_WORKERS"] ?? 8);
/** Where 0 is none or never, the least that is some is another end. */
const zeroIsNone = new Set<OptionKey>([
  ...(["heartbeatIntervalMs", "maxConnectionsPerAddress"] as const),
  ...(["maxMessagesPerSecond", "maxBytesPerSecond", "trialMs"] as const),
  ...(["rebalancePercent", "minReadyShards"] as const),
]);

/** Neighbours of the ends that contradict a default. */
const beside: Partial<
  Record<OptionKey, (value: unknown) => ServerOptions | undefined>
> = {
  shutdownDelayMs: (value) => ({ shutdownDeadlineMs: Number(value) + 1 }),
  highWaterMarkBytes: (value) =>
    value === 1 ? { lowWaterMarkBytes: 0 } : { maxBufferedBytes: 2 * GIB },
  lowWaterMarkBytes: (value) =>
    value === 0 ? {} : { highWaterMarkBytes: GIB, maxBufferedBytes: GIB + 1 },
  maxBufferedBytes: (value) =>
    value === 2 * GIB
      ? {}
      : { maxPayloadBytes: 1, highWaterMarkBytes: 1, lowWaterMarkBytes: 0 },
  maxPayloadBytes: (value) =>
    value === GIB
      ? { maxBufferedBytes: 2 * GIB, maxPublishBacklogBytes: 2 * GIB }
      : {},
  maxPublishBacklogBytes: (value) =>
    value === 2 * GIB ? {} : { maxPayloadBytes: 1, maxTopicLengthBytes: 1 },
  maxBytesPerSecond: (value) => (value === 1 ? { maxPayloadBytes: 1 } : {}),
  minReadyShards: (value) => ({ workers: Math.max(1, Number(value)) }),
  adminHost: () => ({ admin: true }),
  adminPort: () => ({ admin: true }),
  adminToken: () => ({ admin: true }),
  adminHosts: () => ({ admin: true }),
};

/** Of options that are no numbers, the shortest and the longest, or none and many. */
const others: Partial<Record<OptionKey, readonly unknown[]>> = {
  host: ["::1", "localhost"],
  closeCode: [1000, 4999],
  congestionCloseCode: [1000, 4999],
  origins: [[], many((at) => `https://*.shop-${at}.example`)],
  subprotocols: [[], many((at) => `v${at}.stomp`)],
  trustedProxies: [
    [],
    many((at) => `10.${at >> 8}.${at & 255}.0/24`),
    ["loopback", "private"],
  ],
  clusterName: ["c", "c".repeat(64)],
  nats: [[]],
  adminHost: ["::1", "localhost"],
  adminToken: ["t".repeat(16), "t".repeat(256)],
  adminHosts: [[], many((at) => `name-${at}.example`)],
};

/** What has no ends to try here, and where it is tried instead. */
export const elsewhere: Partial<Record<OptionKey, string>> = {
  handlers: "test/real/shards/loading.test.ts",
  tlsKeyFile: "test/real/connections/tls.test.ts",
  tlsCertFile: "test/real/connections/tls.test.ts",
  natsCredsFile: "test/real/cluster/credentials.test.ts",
  natsTlsCaFile: "test/real/cluster/credentials.test.ts",
  natsTlsCertFile: "test/real/cluster/credentials.test.ts",
  natsTlsKeyFile: "test/real/cluster/credentials.test.ts",
  adminFeed: "test/real/admin/feed.test.ts",
};

/** What else shows that an option works, before its server ends. */
export const trials: Partial<
  Record<OptionKey, (server: SluiceServer) => Promise<unknown>>
> = {
  moveDeadlineMs: (server) => server.rebalance(),
  // Whatever the delay: of the time that there is, it takes half.
  shutdownDelayMs: (server) => server.shutdown({ deadlineMs: 200 }),
};

/** Every option of the table at the least and at the greatest value that it takes, and at each word. */
export const extremes: readonly Extreme[] = optionTable.flatMap((row) =>
  [...new Set(endsOf(row))].map((value) => ({
    key: row.key as OptionKey,
    value,
    shown: `${row.key}: ${shorten(JSON.stringify(value))}`,
    beside: beside[row.key as OptionKey]?.(value) ?? {},
  })),
);

function endsOf(row: OptionRow): readonly unknown[] {
  const key = row.key as OptionKey;
  const words = row.words ?? [];
  if (row.kind === "boolean") return [false, true];
  if (row.kind === "choice") return row.choices ?? [];
  if (row.kind === "port") return [...words, 0];
  if (row.min === undefined || row.max === undefined)
    return [...words, ...(others[key] ?? [])];
  const least = [
    ...(row.orZero === true ? [0] : []),
    ...(zeroIsNone.has(key) ? [1] : []),
    row.min,
  ];
  const isCountOfThreads = key === "workers" || key === "minReadyShards";
  const greatest = isCountOfThreads ? Math.min(row.max, MANY_WORKERS) : row.max;
  return [...words, ...least, greatest];
}

function shorten(text: string): string {
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}

function many(make: (at: number) => string): string[] {
  return Array.from({ length: 500 }, (_, at) => make(at));
}
