import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { root } from "../../support/built.ts";

/** Of Node: what a simulation cannot stand in for by the clock and chance of its threads. */
const REAL =
  /^import (?!type )[^;]*? from "node:(net|tls|http|https|dgram|dns|fs|fs\/promises|os|child_process|worker_threads|perf_hooks|v8|zlib)";/gmu;

/** Who may touch it: Node's own surroundings, what these are made of, and what a simulation leaves out. */
const mayTouch = [
  // Made by `nodeMainSurroundings` and `nodeShardSurroundings`.
  "main/accept/check-handles.ts",
  "main/accept/listener.ts",
  "main/cluster/nats-client.ts",
  "main/descriptors.ts",
  "main/handover/check-sockets.ts",
  "main/handover/close-inherited.ts",
  "main/handover/node-processes.ts",
  "main/handover/self-test.ts",
  "main/handover/systemd.ts",
  "main/node-surroundings.ts",
  "main/shards/shard-thread.ts",
  "workers/load-handlers.ts",
  "workers/syntax-place.ts",
  "workers/ways-out.ts",
  // TLS, zlib, and the gauges of the inspector, are not simulated.
  "main/tls-material.ts",
  "workers/transport/secure-socket.ts",
  "workers/inspection/gauges.ts",
  "workers/websocket/deflate-pool.ts",
  "workers/websocket/zlib-context.ts",
  // Facts that stay as they are: the host's name, addresses as text, known methods, a socket that is none; and a server that never listens.
  "main/cluster/instance.ts",
  "workers/handshake/judge-request.ts",
  "workers/handshake/remote-address.ts",
  "workers/handshake/refusal.ts",
  "workers/plain/plain-server.ts",
  "workers/websocket/no-native-addon.ts",
];

it("nothing of a server touches Node's world past its surroundings", async () => {
  const touching: string[] = [];
  for (const folder of ["main", "workers", "topics"]) {
    const names = await readdir(join(root, "src", folder), { recursive: true });
    for (const name of names.filter((each) => each.endsWith(".ts"))) {
      const file = join(folder, name);
      const source = await readFile(join(root, "src", file), "utf8");
      if (source.match(REAL) !== null) touching.push(file);
    }
  }
  expect(touching.filter((file) => !mayTouch.includes(file))).toEqual([]);
  expect(mayTouch.filter((file) => !touching.includes(file))).toEqual([]);
});
