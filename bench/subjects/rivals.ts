/** The rivals: what users would pick instead, in its best plain configuration. */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { startRival } from "./start-rival.ts";
import type { Subject } from "./subject.ts";

/** Whoever installs ws or Sluice does not get bufferutil, so all go without. */
export const node = [
  "env",
  "WS_NO_BUFFER_UTIL=1",
  process.execPath,
  "--expose-gc",
] as const;
const bunBinary = fileURLToPath(
  new URL("../node_modules/bun/bin/bun.exe", import.meta.url),
);
const socketIoFolder = fileURLToPath(
  new URL("../node_modules/socket.io", import.meta.url),
);

const always = (): undefined => undefined;

/** `ws` in one process: what every ratio refers to. */
export const ws: Subject = {
  name: "ws",
  title: "ws",
  configuration:
    "ws on node:http in one process; perMessageDeflate off unless compression is " +
    "measured, then as it comes, TCP_NODELAY, all else as it comes, without the native add-on bufferutil",
  wire: "websocket",
  path: "/echo",
  unavailable: always,
  start: async (options) => startRival(node, "ws.ts", options),
};

const wsCluster: Subject = {
  ...ws,
  name: "ws-cluster",
  title: "ws, cluster",
  configuration:
    "the same under node:cluster (round-robin), with as many worker " +
    "processes as Sluice has shards",
  start: async (options) => startRival(node, "ws-cluster.ts", options),
};

const wsLoop: Subject = {
  ...ws,
  name: "ws-loop",
  title: "ws, hand-written close loop",
  configuration:
    "ws with a SIGTERM handler that calls close(1001) on every client and " +
    "exits when all are gone",
  start: async (options) =>
    startRival(node, "ws.ts", { ...options, onSigterm: "close-loop" }),
};

export const socketIo: Subject = {
  name: "socket.io",
  title: "Socket.IO",
  configuration:
    "Socket.IO on node:http in one process, websocket transport alone, no " +
    "compression, no heartbeat in the measured time; messages are text events",
  wire: "socket.io",
  path: "/socket.io/?EIO=4&transport=websocket",
  unavailable: () =>
    existsSync(socketIoFolder) ? undefined : "socket.io is not installed",
  start: async (options) => startRival(node, "socket-io.ts", options),
};

const bun: Subject = {
  name: "bun",
  title: "Bun",
  configuration:
    "Bun.serve with a websocket handler, perMessageDeflate off; one-to-many " +
    "through its own publish",
  wire: "websocket",
  path: "/echo",
  unavailable: () =>
    existsSync(bunBinary) ? undefined : "bun is not installed",
  start: async (options) => startRival([bunBinary], "bun.ts", options),
};

const net: Subject = {
  name: "net",
  title: "node:net (no WebSocket)",
  configuration:
    "raw TCP (or TLS) echo with node:net in one process: the floor under " +
    "anything that Node can do",
  wire: "raw",
  path: "/",
  unavailable: always,
  start: async (options) => startRival(node, "net.ts", options),
};

export const rivals: readonly Subject[] = [
  ws,
  wsCluster,
  wsLoop,
  socketIo,
  bun,
  net,
];
