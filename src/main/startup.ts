import { channel } from "node:diagnostics_channel";
import { channels } from "../protocol/channels.ts";
import { shutDownWith } from "./abort.ts";
import { aside } from "./aside.ts";
import { describeInstance } from "./cluster/instance.ts";
import { Predecessor } from "./handover/predecessor.ts";
import { orAborted } from "./or-aborted.ts";
import type { Server } from "./server.ts";

/** A process that could not take over has given back what it can. */
const GIVE_UP_MS = 1_000;

/**
 * Starts a server, step by step: the cluster, what the process before hands
 * over, the shards, the inspector, the listener.
 *
 * @throws what went wrong first, or the signal's reason; nothing is left running then.
 */
export async function start(
  server: Server,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { lifecycle, handover, moveBlocker, surroundings } = server;
  try {
    await orAborted(joinCluster(server), signal);
    const before = surroundings.predecessor();
    const predecessor =
      before && (await Predecessor.greet(before, server, handover));
    const { shards } = server.fleet;
    const serving = shards.map((shard) => shard.nextServing());
    for (const shard of shards) shard.start();
    // First, so that a slow start can be watched; the process before has its
    // port for as long as it lives.
    if (predecessor === undefined) await server.inspector.open();
    await orAborted(Promise.all(serving), signal);
    if (predecessor === undefined) {
      await server.ingress.listen();
      listens(server, signal);
    } else await listenAfter(server, predecessor, signal);
  } catch (error) {
    lifecycle.fail(error as Error);
    await lifecycle.terminated.catch(() => {});
    throw error;
  }
  if (lifecycle.isStopping) return;
  const { handleFault } = server.environment;
  if (handleFault !== undefined)
    channel(channels.server).publish({ event: "streams", why: handleFault });
  if (moveBlocker !== undefined) handover.announce("off", { why: moveBlocker });
  surroundings.notifySupervisor((error) =>
    channel(channels.server).publish({ event: "notify-failed", error }),
  );
}

function joinCluster(server: Server): Promise<void> {
  const { cluster, topics, malformed, readiness, face } = server;
  return cluster.start(
    {
      deliver: (...message) => topics.deliver(...message),
      malformed: (what) => malformed.dropped("instance", what),
      count: (topic) => topics.count(topic),
      describe: () => describeInstance(face),
    },
    () => readiness.update(),
  );
}

/** Listens with the socket of the process before, and takes its connections over. */
async function listenAfter(
  server: Server,
  predecessor: Predecessor,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { ingress, inspector, lifecycle, environment, fleet } = server;
  ingress.inherit(predecessor.inheritance);
  await predecessor.prove(fleet.shards, environment.tls !== undefined, () =>
    ingress.takeNumber(),
  );
  await ingress.listen(predecessor.inheritance);
  listens(server, signal);
  try {
    server.predecessor = predecessor;
    const admin = await predecessor.takeOver();
    aside(
      inspector.openBehind(predecessor.gone, admin),
      "opening the inspector",
    );
  } catch (error) {
    lifecycle.beginEnd("the upgrade failed", GIVE_UP_MS);
    throw error;
  }
}

/** Asked to stop from here on, it may have connections to tell. */
function listens(server: Server, signal: AbortSignal | undefined): void {
  signal?.throwIfAborted();
  server.lifecycle.listening();
  if (signal !== undefined) shutDownWith(server.face, signal);
}
