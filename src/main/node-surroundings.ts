import { MessageChannel } from "node:worker_threads";
import { TcpListener } from "./accept/listener.ts";
import { loadNatsClient } from "./cluster/nats-client.ts";
import { readLimit } from "./descriptors.ts";
import { checkSockets } from "./handover/check-sockets.ts";
import { closeInherited } from "./handover/close-inherited.ts";
import { findPredecessor, startSuccessor } from "./handover/node-processes.ts";
import { checkHandles } from "./accept/check-handles.ts";
import { connectOnLoopback } from "./handover/self-test.ts";
import { notifySystemd } from "./handover/systemd.ts";
import { processTime } from "./patient-clock.ts";
import { PiscinaThread } from "./shards/shard-thread.ts";
import type { MainSurroundings } from "./main-surroundings.ts";

/** Main among real threads, sockets and processes. */
export const nodeMainSurroundings: MainSurroundings = {
  clock: processTime,
  startThread: (...given) => new PiscinaThread(...given),
  createListener: (config, onSocket, onAcceptError) =>
    new TcpListener(config, onSocket, onAcceptError),
  createChannel: () => new MessageChannel(),
  checkSockets: () => checkSockets(),
  checkHandles: () => checkHandles(),
  descriptorLimit: readLimit,
  connectToShard: connectOnLoopback,
  loadNatsClient,
  startSuccessor,
  predecessor: findPredecessor,
  closeInherited,
  notifySupervisor: notifySystemd,
};
