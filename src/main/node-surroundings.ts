import { MessageChannel } from "node:worker_threads";
import { TcpListener } from "./accept/listener.ts";
import { readLimit } from "./descriptors.ts";
import { checkSockets } from "./handover/check-sockets.ts";
import { connectOnLoopback } from "./handover/self-test.ts";
import { PiscinaThread } from "./shards/shard-thread.ts";
import type { MainSurroundings } from "./surroundings.ts";

/** Main among real threads and sockets. */
export const nodeMainSurroundings: MainSurroundings = {
  startThread: (...given) => new PiscinaThread(...given),
  createListener: (config, onSocket, onAcceptError) =>
    new TcpListener(config, onSocket, onAcceptError),
  createChannel: () => new MessageChannel(),
  checkSockets: () => checkSockets(),
  descriptorLimit: readLimit,
  connectToShard: connectOnLoopback,
};
