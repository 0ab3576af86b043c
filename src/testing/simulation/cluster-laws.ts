import type { Law, Life } from "./law.ts";
import type { ConnectionRecord, PublicationRecord } from "./handler-records.ts";
import type { Monitor } from "./monitor.ts";
import type { SimClient } from "./sim-client.ts";
import type { NatsDelivery } from "./sim-nats-connection.ts";
import type { ThreadHome } from "./sim-thread.ts";

/** A publication has come through by then, however long its way. */
export const DELIVERY_MS = 2_000;
/** Where NATS is whole, a subscription is known everywhere by then. */
const KNOWN_MS = 1_000;
/** What is published while a connection is taken out of its process may miss it. */
const LEAVING_MS = 50;

/** What a message between instances begins with: its format, its process, its number. */
const HEADER = { tagAt: 1, numberAt: 9, bytes: 13 } as const;

/**
 * The process in which a connection lives for as long as a publication is on
 * its way; `undefined` when it is on its way itself, and may miss it.
 */
export function homeAround(
  { calls }: ConnectionRecord,
  at: number,
): ThreadHome | undefined {
  const before = calls.findLast(({ begunAt }) => begunAt <= at);
  const around = calls.filter(
    ({ begunAt }) => begunAt >= at - LEAVING_MS && begunAt <= at + DELIVERY_MS,
  );
  const homes = new Set(
    [...(before === undefined ? [] : [before]), ...around].map(
      ({ thread }) => thread?.home,
    ),
  );
  return homes.size === 1 ? [...homes][0] : undefined;
}

/**
 * Whether the connection is on its way between two threads when a publication
 * passes: nothing reaches it then, and the documentation says so.
 *
 * @param passedBy - When the publication has come through, where no thread stalls.
 */
export function isOnItsWay(
  { departures, calls }: Pick<ConnectionRecord, "departures" | "calls">,
  { at, thread }: Pick<PublicationRecord, "at" | "thread">,
  passedBy = at + LEAVING_MS,
): boolean {
  return departures.some((departure) => {
    const arrival = calls.find(
      ({ hook, begunAt }) => hook === "resume" && begunAt >= departure.at,
    );
    // It waits while either thread stands still, and finds nobody then.
    const stalledMs = [thread, departure.thread].reduce(
      (sum, each) => sum + (each?.stalledMs(at, departure.at) ?? 0),
      0,
    );
    return (
      at <= (arrival?.begunAt ?? Infinity) &&
      departure.at <= passedBy + stalledMs
    );
  });
}

/**
 * Published in the process in which this connection lived, before it moved to
 * another: the copy that goes over NATS may come after it there. What it has
 * heard already is not known in its new process.
 */
export function mayComeAgain(
  { calls }: ConnectionRecord,
  { thread, at }: Pick<PublicationRecord, "thread" | "at">,
): boolean {
  const home = thread?.home;
  const hasLivedThere = calls.some((call) => call.thread?.home === home);
  return (
    hasLivedThere &&
    calls.some((call) => call.begunAt >= at && call.thread?.home !== home)
  );
}

/** What holds between instances. */
export const clusterLaws: Readonly<Record<string, Law>> = {
  *"nothing is heard twice, across instances as within one"({
    monitor,
    clients,
  }) {
    const texts = new Set(onceOnly(monitor.publications));
    const recordOf = recordsByClient(monitor);
    for (const client of clients) {
      const record = recordOf.get(client);
      const again = new Set(
        monitor.publications
          .filter((each) => record !== undefined && mayComeAgain(record, each))
          .map(({ data }) => data.toString()),
      );
      const heard = new Set<string>();
      for (const text of client.texts) {
        if (!texts.has(text) || again.has(text)) continue;
        if (heard.has(text))
          yield `${client.name} heard ${text.slice(0, 40)} twice`;
        heard.add(text);
      }
    }
  },

  *"while NATS is whole, every instance hears everything"(life) {
    const { monitor, nats } = life;
    if (nats === undefined || nats.wasDisturbed) return;
    const once = new Set(onceOnly(monitor.publications));
    const hasDied = someoneDied(life);
    if (hasDied) return;
    for (const record of monitor.records.values()) {
      const { client, subscriptions, end, id } = record;
      if (client === undefined || client.isRude) continue;
      for (const { topic, from, until = Infinity, mayDrop } of subscriptions) {
        const last = Math.min(until, (end?.at ?? Infinity) - DELIVERY_MS);
        for (const { data, at, thread, publisher, ...each } of mayDrop
          ? []
          : monitor.publications) {
          const text = data.toString();
          if (each.topic !== topic || at < from + KNOWN_MS || at > last)
            continue;
          const home = homeAround(record, at);
          if (home === undefined || home === thread?.home || publisher === id)
            continue;
          if (isOnItsWay(record, { at, thread }, at + DELIVERY_MS)) continue;
          if (once.has(text) && !client.texts.includes(text))
            yield `${client.name} has not heard ${text.slice(0, 40)} of ${topic}, published on ${thread?.home?.name}`;
        }
      }
    }
  },

  *"what other instances published and did not come is counted"({
    instances,
    nats,
  }) {
    if (nats === undefined) return;
    for (const instance of instances) {
      const { name, server, wasKilled, main } = instance;
      if (server === undefined || wasKilled) continue;
      const { cluster } = main.enter(() => server.stats());
      if (cluster === undefined) continue;
      const most = gapsIn(nats.deliveries.filter(({ to }) => to === instance));
      // Whoever subscribes anew has missed nothing: the count begins again.
      if (cluster.missed > most)
        yield `${name} has counted ${cluster.missed} as missed, and there were ${most}`;
      if (!nats.wasDisturbed && cluster.missed + cluster.unsent > 0)
        yield `${name} has missed ${cluster.missed} and not sent ${cluster.unsent}, and NATS was whole`;
      const isSteady = nats.broken === 0 && nats.interestsEnded(instance) === 0;
      if (isSteady && cluster.missed !== most)
        yield `${name} has counted ${cluster.missed} as missed, and there were ${most}`;
    }
  },
};

/** The latest connection of each client. */
export function recordsByClient(
  monitor: Pick<Monitor, "records">,
): ReadonlyMap<SimClient, ConnectionRecord> {
  const found = new Map<SimClient, ConnectionRecord>();
  for (const record of monitor.records.values())
    if (record.client !== undefined) found.set(record.client, record);
  return found;
}

/** Numbers left out between messages of one process to one topic, as they came. */
function gapsIn(deliveries: readonly NatsDelivery[]): number {
  const seen = new Map<string, number[]>();
  for (const { subject, data } of deliveries) {
    if (!subject.includes(".topic.") || data.length < HEADER.bytes) continue;
    const tag = data.toString("hex", HEADER.tagAt, HEADER.numberAt);
    const key = `${subject} ${tag}`;
    seen.set(key, [
      ...(seen.get(key) ?? []),
      data.readUInt32BE(HEADER.numberAt),
    ]);
  }
  let gaps = 0;
  for (const numbers of seen.values()) {
    const [first = 0] = numbers;
    gaps += (numbers.at(-1) ?? first) - first + 1 - numbers.length;
  }
  return gaps;
}

/** What was published once: of the same words, published twice, nobody can say which was heard. */
function onceOnly(publications: readonly PublicationRecord[]): string[] {
  const counts = new Map<string, number>();
  for (const { data } of publications)
    counts.set(data.toString(), (counts.get(data.toString()) ?? 0) + 1);
  return [...counts].filter(([, count]) => count === 1).map(([text]) => text);
}

function someoneDied({ instances }: Life): boolean {
  return instances.some(
    ({ wasKilled, threads }) =>
      wasKilled ||
      threads.some(
        ({ thread, hasEndedWell }) => thread.isDead && !hasEndedWell,
      ),
  );
}
