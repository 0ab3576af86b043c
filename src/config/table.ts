import { availableParallelism, totalmem } from "node:os";
import { MAX_DELAY_MS } from "./units.ts";
import { CLOSE_CODE } from "../rfc6455.ts";

/** What a value of each kind is once it has been narrowed. */
export interface KindTypes {
  port: number;
  integer: number;
  /** Milliseconds. */
  duration: number;
  bytes: number;
  closeCode: number;
  host: string;
  /** An absolute path. */
  file: string;
  /** An absolute URL, ready for `import()`. */
  module: string;
  choice: string;
  boolean: boolean;
  /** Lower-case, in ASCII, without a trailing slash. */
  origins: readonly string[];
  /** URLs of NATS servers: `nats://` or `tls://`, with or without credentials. */
  servers: readonly string[];
  /** One word that can be a part of a NATS subject. */
  name: string;
  /** Addresses and CIDR blocks; the words are already spelled out. */
  addresses: readonly string[];
  /** Names of subprotocols (RFC 6455, 11.3.4). */
  tokens: readonly string[];
  /** Host names without a port, in lower case. */
  hosts: readonly string[];
  /** Never shown in a message. */
  secret: string;
  /** Of a WebSocket. */
  url: string;
}

export type OptionKind = keyof KindTypes;

/** Any narrowed value. */
export type OptionValue = KindTypes[OptionKind];

/** One row of the option table, without its key. */
export interface OptionSpec {
  readonly kind: OptionKind;
  readonly group: OptionGroup;
  /** One line, for `--help` and docs/options.md. */
  readonly description: string;
  readonly default: OptionValue | undefined;
  /** How the default reads where its value depends on the machine, or says nothing. */
  readonly defaultText?: string;
  readonly min?: number;
  readonly max?: number;
  /** 0 is taken besides, and turns off what the option sets. */
  readonly orZero?: true;
  readonly choices?: readonly string[];
  /** Words that are accepted besides values of the kind. */
  readonly words?: readonly string[];
  /** Shown by the short `--help`. */
  readonly common?: true;
}

export type OptionGroup =
  | "Serving"
  | "Shutdown"
  | "Handshake and origin"
  | "Plain HTTP"
  | "Liveness"
  | "Backpressure"
  | "Limits"
  | "TLS"
  | "Handover"
  | "Cluster"
  | "Threads"
  | "Inspector"
  | "Command line";

const KIB = 1024;
const MIB = 1024 * KIB;
const MAX_BYTES = 1024 * MIB;
const MIN_MEMORY_BYTES = 16 * MIB;
/** The header of the largest frame that a server sends (RFC 6455, 5.2). */
export const FRAME_HEADER_BYTES = 10;
/** What a publication counts for in a backlog beside its payload and its topic, at most. */
export const PUBLICATION_BYTES = 128;
const MAX_WORKERS = 256;
/** A thread shows that it turns every 100 ms; whoever is asked sooner is called blocked for nothing. */
const MIN_BLOCKED_MS = 250;
/** No thread is up in less, on any machine; several times as long on a busy one. */
const MIN_START_MS = 1_000;
/** With less than 12 no thread gets as far as the handlers; with 1 or 2, V8 aborts the whole process. */
const MIN_HEAP_MB = 32;

/**
 * Every option of the server, once. Types, validation, flags, environment
 * variables, config-file keys, `--help` and docs/options.md are all read off it.
 */
export const optionSpecs = {
  handlers: {
    kind: "module",
    group: "Serving",
    description: "your handlers, by path or file URL",
    default: undefined,
    defaultText: "built-in echo and chat",
  },
  host: {
    kind: "host",
    group: "Serving",
    description: "address or host name to listen on",
    default: "127.0.0.1",
    common: true,
  },
  port: {
    kind: "port",
    group: "Serving",
    description: "TCP port; 0 takes any free one",
    default: 8080,
    min: 0,
    max: 65_535,
    common: true,
  },
  workers: {
    kind: "integer",
    group: "Serving",
    description: "shards, that is, worker threads",
    default: Math.min(availableParallelism(), MAX_WORKERS),
    defaultText: "one per core",
    min: 1,
    max: MAX_WORKERS,
    common: true,
  },
  balance: {
    kind: "choice",
    group: "Serving",
    description: "picks a new socket's shard; or round-robin",
    default: "least-connections",
    choices: ["least-connections", "round-robin"],
  },
  backlog: {
    kind: "integer",
    group: "Serving",
    description: "TCP accept queue; the kernel may cap it",
    default: 4096,
    min: 1,
    max: 65_535,
  },
  compression: {
    kind: "boolean",
    group: "Serving",
    description: "accept permessage-deflate (RFC 7692)",
    default: false,
  },
  contextTakeover: {
    kind: "boolean",
    group: "Serving",
    description: "compress with what was said before; cannot move then",
    default: false,
  },

  shutdownDeadlineMs: {
    kind: "duration",
    group: "Shutdown",
    description: "whole shutdown, from the signal to the report",
    default: 8000,
    min: 1,
    max: MAX_DELAY_MS,
    common: true,
  },
  shutdownDelayMs: {
    kind: "duration",
    group: "Shutdown",
    description: "not ready, still accepting, for load balancers",
    default: 0,
    min: 0,
    max: MAX_DELAY_MS - 1,
    common: true,
  },
  closeCode: {
    kind: "closeCode",
    group: "Shutdown",
    description: "close code that clients are sent",
    default: CLOSE_CODE.goingAway,
    common: true,
  },
  closeRate: {
    kind: "integer",
    group: "Shutdown",
    description: "connections told a second: auto, unlimited or a number",
    default: "auto",
    words: ["auto", "unlimited"],
    min: 1,
    max: 10_000_000,
  },
  retryMinMs: {
    kind: "duration",
    group: "Shutdown",
    description: "earliest that a told client is asked to come back",
    default: 0,
    min: 0,
    max: MAX_DELAY_MS,
  },
  retrySpreadMs: {
    kind: "duration",
    group: "Shutdown",
    description: "window over which told clients are asked to come back",
    default: "auto",
    words: ["auto"],
    min: 0,
    max: MAX_DELAY_MS,
  },
  closeDeadlineMs: {
    kind: "duration",
    group: "Shutdown",
    description: "ordinary close: handlers to finish and the peer to answer",
    default: 5000,
    min: 1,
    max: MAX_DELAY_MS,
  },

  handshakeDeadlineMs: {
    kind: "duration",
    group: "Handshake and origin",
    description: "from the accepted socket to the finished upgrade",
    default: 5000,
    min: 1,
    max: MAX_DELAY_MS,
  },
  maxHeaderBytes: {
    kind: "bytes",
    group: "Handshake and origin",
    description: "request line and headers of an upgrade; half for its URL",
    default: 16 * KIB,
    min: 512,
    max: MIB,
  },
  origins: {
    kind: "origins",
    group: "Handshake and origin",
    description: "browser origins let in: same, any, or a list",
    default: "same",
    words: ["same", "any"],
    common: true,
  },
  subprotocols: {
    kind: "tokens",
    group: "Handshake and origin",
    description: "spoken here beside sluice.v1; no others are agreed to",
    default: [],
  },
  trustedProxies: {
    kind: "addresses",
    group: "Handshake and origin",
    description: "whose X-Forwarded-For is believed",
    default: [],
  },

  requestDeadlineMs: {
    kind: "duration",
    group: "Plain HTTP",
    description: "from a request's head to the end of its body",
    default: 300_000,
    min: 1,
    max: MAX_DELAY_MS,
  },
  keepAliveDeadlineMs: {
    kind: "duration",
    group: "Plain HTTP",
    description: "a connection may wait so long for its next request",
    default: 5000,
    min: 1,
    max: MAX_DELAY_MS,
  },
  heartbeatIntervalMs: {
    kind: "duration",
    group: "Liveness",
    description: "silence before a ping is sent; 0 is never",
    default: 30_000,
    min: 0,
    max: MAX_DELAY_MS,
    common: true,
  },
  pongDeadlineMs: {
    kind: "duration",
    group: "Liveness",
    description: "time for any frame to come after a ping",
    default: 10_000,
    min: 1,
    max: MAX_DELAY_MS,
  },

  messageDeadlineMs: {
    kind: "duration",
    group: "Liveness",
    description: "time for a message to come whole once it has begun",
    default: 60_000,
    min: 1,
    max: MAX_DELAY_MS,
  },

  highWaterMarkBytes: {
    kind: "bytes",
    group: "Backpressure",
    description: "buffered for one peer: above it, congested",
    default: MIB,
    min: 1,
    max: MAX_BYTES,
  },
  lowWaterMarkBytes: {
    kind: "bytes",
    group: "Backpressure",
    description: "buffered for one peer: at or below it, healthy again",
    default: 256 * KIB,
    min: 0,
    max: MAX_BYTES - 1,
  },
  maxBufferedBytes: {
    kind: "bytes",
    group: "Backpressure",
    description: "buffered for one peer: above it, closed",
    default: 16 * MIB,
    min: 1 + FRAME_HEADER_BYTES,
    max: 2 * MAX_BYTES,
  },
  congestionDeadlineMs: {
    kind: "duration",
    group: "Backpressure",
    description: "longest that a peer may stay congested",
    default: 30_000,
    min: 1,
    max: MAX_DELAY_MS,
  },
  congestionCloseCode: {
    kind: "closeCode",
    group: "Backpressure",
    description: "close code for a peer that reads too slowly",
    default: CLOSE_CODE.tryAgainLater,
  },

  maxPayloadBytes: {
    kind: "bytes",
    group: "Limits",
    description: "one message, reassembled and decompressed",
    default: MIB,
    min: 1,
    max: MAX_BYTES,
    common: true,
  },
  maxMemoryBytes: {
    kind: "bytes",
    group: "Limits",
    description: "what all connections hold in memory",
    default: Math.max(MIN_MEMORY_BYTES, Math.floor(availableMemory() / 4)),
    defaultText: "a quarter of the memory",
    min: MIN_MEMORY_BYTES,
    max: 1024 * MAX_BYTES,
  },
  maxConnections: {
    kind: "integer",
    group: "Limits",
    description: "connections in all; one more gets a 503",
    default: 50_000,
    min: 1,
    max: 10_000_000,
    common: true,
  },
  maxConnectionsPerAddress: {
    kind: "integer",
    group: "Limits",
    description: "connections of one client, silent too; 0 is no limit",
    default: 0,
    min: 0,
    max: 10_000_000,
  },
  ipv6PrefixBits: {
    kind: "integer",
    group: "Limits",
    description: "IPv6 addresses with so many bits alike are one client",
    default: 64,
    min: 1,
    max: 128,
  },
  maxTopicLengthBytes: {
    kind: "bytes",
    group: "Limits",
    description: "name of a topic, in UTF-8",
    default: 256,
    min: 1,
    max: 64 * KIB,
  },
  maxTopicsPerConnection: {
    kind: "integer",
    group: "Limits",
    description: "topics that one connection may subscribe to",
    default: 256,
    min: 1,
    max: 1_000_000,
  },
  maxPublishBacklogBytes: {
    kind: "bytes",
    group: "Limits",
    description: "published and not passed on, per thread; then refused",
    default: 4 * MIB,
    min: 2 + PUBLICATION_BYTES,
    max: 2 * MAX_BYTES,
  },
  maxHandlersInFlight: {
    kind: "integer",
    group: "Limits",
    description: "unfinished handlers per connection; then reading pauses",
    default: 32,
    min: 1,
    max: 1_000_000,
  },
  maxMessagesPerSecond: {
    kind: "integer",
    group: "Limits",
    description: "frames from one connection, pings too; 0 is no limit",
    default: 0,
    min: 0,
    max: 1_000_000_000,
  },
  maxBytesPerSecond: {
    kind: "bytes",
    group: "Limits",
    description: "bytes from one connection; 0 is no limit",
    default: 0,
    min: 0,
    max: 1024 * MAX_BYTES,
  },

  tlsKeyFile: {
    kind: "file",
    group: "TLS",
    description: "private key (PEM)",
    default: undefined,
    common: true,
  },
  tlsCertFile: {
    kind: "file",
    group: "TLS",
    description: "certificate chain (PEM); SIGHUP reads both again",
    default: undefined,
    common: true,
  },

  handover: {
    kind: "boolean",
    group: "Handover",
    description: "move live connections instead of closing them",
    default: true,
  },
  moveDeadlineMs: {
    kind: "duration",
    group: "Handover",
    description: "longest that a connection waits unread to be moved",
    default: 1000,
    min: 1,
    max: MAX_DELAY_MS,
  },
  trialMs: {
    kind: "duration",
    group: "Handover",
    description: "how long a new version is watched before the old ends",
    default: 1000,
    min: 0,
    max: MAX_DELAY_MS,
  },
  rebalancePercent: {
    kind: "integer",
    group: "Handover",
    description: "difference in load that moves some; 0 is never",
    default: 0,
    min: 0,
    max: 100,
  },

  nats: {
    kind: "servers",
    group: "Cluster",
    description: "NATS servers that make instances one cluster",
    default: [],
  },
  clusterName: {
    kind: "name",
    group: "Cluster",
    description: "instances with the same name belong together",
    default: "default",
  },
  natsCredsFile: {
    kind: "file",
    group: "Cluster",
    description: "credentials for the NATS servers (.creds)",
    default: undefined,
  },
  natsTlsCaFile: {
    kind: "file",
    group: "Cluster",
    description: "who signs for the NATS servers (PEM)",
    default: undefined,
  },
  natsTlsCertFile: {
    kind: "file",
    group: "Cluster",
    description: "client certificate for the NATS servers (PEM)",
    default: undefined,
  },
  natsTlsKeyFile: {
    kind: "file",
    group: "Cluster",
    description: "key of the client certificate (PEM)",
    default: undefined,
  },
  maxClusterBufferBytes: {
    kind: "bytes",
    group: "Cluster",
    description: "held for other instances while NATS is away",
    default: 8 * MIB,
    min: 0,
    max: MAX_BYTES,
  },
  readyWithoutCluster: {
    kind: "boolean",
    group: "Cluster",
    description: "ready for traffic also while NATS is away",
    default: true,
  },
  clusterHeartbeatMs: {
    kind: "duration",
    group: "Cluster",
    description: "entries and leases are renewed; after three they expire",
    default: 3000,
    min: 100,
    max: 3_600_000,
  },
  maxDraining: {
    kind: "integer",
    group: "Cluster",
    description: "instances that may drain at the same time",
    default: 1,
    min: 1,
    max: 1000,
  },
  acceptRate: {
    kind: "integer",
    group: "Cluster",
    description: "connections a second that it takes of draining ones",
    default: 500,
    min: 1,
    max: 1_000_000,
  },

  startDeadlineMs: {
    kind: "duration",
    group: "Threads",
    description: "time for a shard to load the handlers",
    default: 30_000,
    min: MIN_START_MS,
    max: MAX_DELAY_MS,
  },
  minReadyShards: {
    kind: "integer",
    group: "Threads",
    description: "not ready while fewer shards serve; 0 is always ready",
    default: 0,
    min: 0,
    max: MAX_WORKERS,
  },
  blockedAfterMs: {
    kind: "duration",
    group: "Threads",
    description: "report an event loop that stood still this long; 0 never",
    default: 1000,
    min: MIN_BLOCKED_MS,
    max: MAX_DELAY_MS,
    orZero: true,
  },
  workerHeapMb: {
    kind: "integer",
    group: "Threads",
    description: "heap of one shard in MiB; 0 is Node's own choice",
    default: 0,
    min: MIN_HEAP_MB,
    max: 1_048_576,
    orZero: true,
  },

  admin: {
    kind: "boolean",
    group: "Inspector",
    description: "inspector, API, metrics; --no-admin: none",
    default: false,
    defaultText: "on; off in code",
  },
  adminHost: {
    kind: "host",
    group: "Inspector",
    description: "its address; beyond loopback it needs a token",
    default: "127.0.0.1",
  },
  adminPort: {
    kind: "port",
    group: "Inspector",
    description: "its port; 0 takes any free one",
    default: "auto",
    defaultText: "8081 or the next free",
    words: ["auto"],
    min: 0,
    max: 65_535,
  },
  adminToken: {
    kind: "secret",
    group: "Inspector",
    description: "asked of every call; better in SLUICE_ADMIN_TOKEN",
    default: undefined,
  },
  adminHosts: {
    kind: "hosts",
    group: "Inspector",
    description: "names it answers to, besides its own addresses",
    default: [],
  },
  adminFeed: {
    kind: "url",
    group: "Inspector",
    description: "an XState inspector that gets followed connections",
    default: undefined,
  },
} as const satisfies Record<string, OptionSpec>;

/** Of the machine, or of the control group that the process is in. */
function availableMemory(): number {
  // 0 where there is no limit.
  const limit = process.constrainedMemory();
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}
