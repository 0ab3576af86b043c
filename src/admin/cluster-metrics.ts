import type { LinkStats } from "../main/cluster/engine.ts";
import type { InspectedServer } from "./inspected-server.ts";
import type { AddMetric, SetValue } from "./metric-text.ts";

/** Metrics of the link to the other instances; none without a cluster. */
export function addClusterMetrics(
  server: InspectedServer,
  gauge: AddMetric,
  counter: AddMetric,
): void {
  if (server.config.nats.length === 0) return;
  const of =
    (read: (link: LinkStats) => number) =>
    (set: SetValue): void => {
      const { cluster } = server.stats();
      if (cluster !== undefined) set(read(cluster));
    };
  gauge(
    "sluice_cluster_connected",
    "1 while there is a link to the other instances; absent without a cluster.",
    [],
    of(({ state }) => (state === "connected" ? 1 : 0)),
  );
  gauge(
    "sluice_cluster_held_messages",
    "Messages held back until the link is there.",
    [],
    of(({ heldMessages }) => heldMessages),
  );
  gauge(
    "sluice_cluster_held_bytes",
    "The same in bytes.",
    [],
    of(({ heldBytes }) => heldBytes),
  );
  counter(
    "sluice_cluster_reconnects_total",
    "Times that the link came back.",
    [],
    of(({ reconnects }) => reconnects),
  );
  counter(
    "sluice_cluster_messages_sent_total",
    "Messages given to the other instances.",
    [],
    of(({ sent }) => sent),
  );
  counter(
    "sluice_cluster_messages_received_total",
    "Messages of other instances.",
    [],
    of(({ received }) => received),
  );
  counter(
    "sluice_cluster_messages_lost_total",
    "Messages that did not arrive: given up here, missed from others, or without room in the shards.",
    ["why"],
    (set) => {
      const { cluster } = server.stats();
      if (cluster === undefined) return;
      set(cluster.unsent, "unsent");
      set(cluster.missed, "missed");
      set(cluster.undelivered, "undelivered");
    },
  );
}
