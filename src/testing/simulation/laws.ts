import { ShardCounters } from "../../protocol/shard-counters.ts";
import { inspectorLaws } from "./inspector-laws.ts";
import type { Breach, Law, Life } from "./law.ts";
import {
  clusterLaws,
  DELIVERY_MS,
  homeAround,
  isOnItsWay,
  mayComeAgain,
  recordsByClient,
} from "./cluster-laws.ts";
import type { ConnectionRecord, PublicationRecord } from "./handler-records.ts";
import type { SimInstance } from "./sim-instance.ts";
import type { SimThread } from "./sim-thread.ts";

/** Of a connection's close: the turns of the loop in which the last of it happens. */
const GRACE_MS = 100;

/** RFC 6455, 5.2, at most. */
const FRAME_HEADER_BYTES = 14;
/** A read of a socket brings so much at most. */
const READ_BYTES = 256 * 1024;
/** Of a message that is not whole, its fragments' own headers. */
const FRAGMENTS_BYTES = 512;

/**
 * What holds for every service, whatever its handlers, its clients and its
 * operators do. The numbers are those of docs/testing.md.
 */
export const laws: Readonly<Record<string, Law>> = {
  *"hooks come in order: opened or resume settles before message, closed is last and once"({
    monitor,
  }) {
    for (const record of monitor.records.values()) {
      const { id, calls } = record;
      const closed = calls.filter(({ hook }) => hook === "closed");
      if (closed.length > 1) yield `${id}: closed ran ${closed.length} times`;
      const end = closed[0];
      for (const call of calls) {
        if (end !== undefined && call !== end && call.begunAt > end.begunAt)
          yield `${id}: ${call.hook} began after closed`;
        if (call.hook !== "message") continue;
        const entry = calls.findLast(
          ({ hook, begunAt }) =>
            (hook === "opened" || hook === "resume") && begunAt <= call.begunAt,
        );
        const isTooEarly =
          entry !== undefined && (entry.endedAt ?? Infinity) > call.begunAt;
        if (isTooEarly)
          yield `${id}: message began before ${entry.hook} had settled`;
      }
    }
  },

  *"draining runs at most once, and before the close frame"({ monitor }) {
    for (const { id, calls, end } of monitor.records.values()) {
      const draining = calls.filter(({ hook }) => hook === "draining");
      if (draining.length > 1)
        yield `${id}: draining ran ${draining.length} times`;
      const late = draining.find(
        ({ begunAt }) => begunAt > (end?.at ?? Infinity),
      );
      if (late !== undefined) yield `${id}: draining began after its end`;
    }
  },

  *"no handler is cut by an orderly end of its thread"({ monitor, instances }) {
    const orderly = new Set(
      instances
        .flatMap(({ threads }) => threads)
        // At the deadline nobody is waited for.
        .filter(
          ({ hasEndedWell, endedAt, deadlineAt }) =>
            hasEndedWell && endedAt < deadlineAt,
        )
        .map(({ thread }) => thread),
    );
    for (const { record, call } of monitor.running())
      if (call.thread !== undefined && orderly.has(call.thread))
        yield `${record.id}: ${call.hook} was running when its shard ended`;
  },

  *"each message that was read is given once and in order"({ monitor }) {
    for (const { id, client, given } of monitor.records.values()) {
      if (client === undefined) continue;
      const wrong = given.findIndex(
        ({ data }, index) =>
          index < client.saidWhole && client.said[index]?.equals(data) !== true,
      );
      if (wrong !== -1)
        yield `${id} (${client.name}): message ${wrong + 1} was ${given[wrong]?.data.toString().slice(0, 40)}, ${client.said[wrong]?.toString().slice(0, 40) ?? "nothing"} was said`;
    }
  },

  *"what a client said before it closed is heard"({
    monitor,
    instances,
    config,
  }) {
    const isCut = cutBy(instances);
    for (const record of monitor.records.values()) {
      const { id, client, given, end, calls } = record;
      if (client === undefined || client.isRude || isCut(record)) continue;
      // Behind the server's own close frame nothing counts, and nothing has to be heard.
      if (end?.outcome !== "clean" || !client.closedFirst) continue;
      // Handlers that take long are not waited for longer than an ordinary close.
      if (end.at - client.closedAt >= config.closeDeadlineMs) continue;
      // Somebody else has ended it: a handler, a rule, a congestion.
      if (record.wasDismissed || end.code !== client.codeSaid) continue;
      if (calls.some(({ error }) => error !== undefined)) continue;
      // Once the server closes, it takes nothing new: what lay in the kernel stays there.
      if (calls.some(({ hook }) => hook === "draining")) continue;
      if (given.length < client.said.length)
        yield `${id} (${client.name}): ${given.length} of ${client.said.length} messages were given`;
    }
  },

  *"what send took is read in order, before the close frame"({
    monitor,
    instances,
  }) {
    const isCut = cutBy(instances);
    for (const record of monitor.records.values()) {
      const { id, client, sent, end } = record;
      if (client === undefined || client.isRude || isCut(record)) continue;
      if (end === undefined || !client.hasReadToTheEnd) continue;
      let at = 0;
      for (const { data } of client.messages)
        if (at < sent.length && sent[at]?.data.equals(data) === true) at++;
      if (at < sent.length)
        yield `${id} (${client.name}): ${at} of ${sent.length} messages were read; the next was ${sent[at]?.data.toString().slice(0, 40)}`;
    }
  },

  *"nothing follows the close frame"({ clients }) {
    for (const { name, framesAfterClose } of clients)
      if (framesAfterClose > 0)
        yield `${name} read ${framesAfterClose} frames behind it`;
  },

  *"every connection has one outcome, which is what its client saw"({
    monitor,
    reports,
  }) {
    for (const report of reports)
      if (!report.balanced)
        yield `the ledger does not add up: ${JSON.stringify(report.outcomes)}`;
    for (const { id, client, end } of monitor.records.values()) {
      if (client === undefined || end === undefined) continue;
      const sawClose = client.closeFrame !== undefined;
      if (end.outcome === "clean" && !client.isRude && !sawClose)
        yield `${id} (${client.name}) ended clean, and its client never read a close frame`;
      if (end.outcome === "lost" && !client.isRude && !client.wasHeld)
        yield `${id} (${client.name}) is counted lost, and its client behaved`;
    }
  },

  *"a topic is heard by its subscribers, in each publisher's order"({
    monitor,
    clients,
  }) {
    const publishers = new Map<string, PublicationRecord[]>();
    for (const publication of monitor.publications) {
      const key = JSON.stringify([publication.publisher, publication.topic]);
      publishers.set(key, [...(publishers.get(key) ?? []), publication]);
    }
    const recordOf = recordsByClient(monitor);
    for (const client of clients) {
      const record = recordOf.get(client);
      if (record === undefined) continue;
      const own = new Map<string, number>();
      for (const { data } of record.sent)
        own.set(data.toString(), (own.get(data.toString()) ?? 0) + 1);
      const published = monitor.publications.filter(({ topic }) =>
        record.subscriptions.some((each) => each.topic === topic),
      );
      const heard = new Set(published.map(({ data }) => data.toString()));
      for (const text of client.texts) {
        const left = own.get(text) ?? 0;
        if (left > 0) own.set(text, left - 1);
        else if (!heard.has(text))
          yield `${client.name} read ${text.slice(0, 40)}, which nobody sent to it`;
      }
      for (const [key, each] of publishers) {
        const texts = each
          .filter((publication) => !mayComeAgain(record, publication))
          .map(({ data }) => data.toString());
        if (new Set(texts).size < texts.length) continue;
        const mine = client.texts.filter((text) => texts.includes(text));
        const order = mine.map((text) => texts.indexOf(text));
        if (
          order.some(
            (place, index) => index > 0 && place < (order[index - 1] as number),
          )
        )
          yield `${client.name} read out of order what was published by ${key}`;
      }
    }
  },

  *"who subscribes hears everything, once"({ monitor, instances }) {
    const isCut = cutBy(instances);
    const isDead = diedBadly(instances);
    const counts = new Map<string, number>();
    for (const { data } of monitor.publications)
      counts.set(data.toString(), (counts.get(data.toString()) ?? 0) + 1);
    for (const record of monitor.records.values()) {
      const { client, subscriptions, end, id } = record;
      if (client === undefined || client.isRude || isCut(record)) continue;
      for (const { topic, from, until = Infinity, mayDrop } of subscriptions) {
        if (mayDrop) continue;
        const last = Math.min(until, (end?.at ?? Infinity) - DELIVERY_MS);
        for (const {
          data,
          at,
          thread,
          publisher,
          ...publication
        } of monitor.publications) {
          const text = data.toString();
          if (publication.topic !== topic || at < from || at > last) continue;
          if (publisher === id || counts.get(text) !== 1) continue;
          if (thread !== undefined && isDead(thread)) continue;
          // Others hear of it by way of NATS, if at all.
          const home = homeAround(record, at);
          if (home === undefined || home !== thread?.home) continue;
          const heard = client.texts.filter((each) => each === text).length;
          const isMissed = heard === 0 && isOnItsWay(record, { at, thread });
          if (heard !== 1 && !isMissed)
            yield `${client.name} heard ${text.slice(0, 40)} of ${topic} ${heard} times; it was published ${Math.round(at - from)} ms after it subscribed`;
        }
      }
    }
  },

  *"no hook throws"({ monitor }) {
    for (const { id, calls } of monitor.records.values())
      for (const { hook, error } of calls)
        if (error !== undefined)
          yield `${id}: ${hook} threw ${describe(error.thrown)}`;
  },

  *"what is buffered is bounded by the options"({ monitor, config }) {
    // What makes it too much was taken as a whole: one message, or what a turn has published.
    const published = monitor.publications.reduce(
      (sum, { data }) => sum + data.length + FRAME_HEADER_BYTES,
      0,
    );
    const { maxPayloadBytes } = config;
    const mayWait =
      READ_BYTES +
      Math.max(READ_BYTES, maxPayloadBytes) +
      2 * maxPayloadBytes +
      FRAGMENTS_BYTES;
    for (const {
      id,
      largestBuffered,
      largestWaiting,
      largestMessage,
    } of monitor.records.values()) {
      const mayBuffer =
        config.maxBufferedBytes +
        Math.max(largestMessage + FRAME_HEADER_BYTES, published);
      if (largestBuffered > mayBuffer)
        yield `${id}: ${largestBuffered} bytes were not written, ${mayBuffer} at most`;
      if (largestWaiting > mayWait)
        yield `${id}: ${largestWaiting} bytes that were read waited, ${mayWait} at most`;
    }
  },

  *"who waits for room hears of it, at the latest when the connection ends"({
    monitor,
    instances,
  }) {
    const isDead = diedBadly(instances);
    for (const { id, waits, end } of monitor.records.values()) {
      if (end === undefined) continue;
      const hang = waits.filter(
        ({ thread, isOver }) =>
          !isOver && (thread === undefined || !isDead(thread)),
      );
      if (hang.length > 0)
        yield `${id}: ${hang.length} calls of drained() hang`;
    }
  },

  *"a shard that ends leaves nothing behind"({ monitor, instances }) {
    for (const { threads } of instances)
      for (const { thread, leftBehind, topicsLeft } of threads) {
        for (const what of leftBehind) yield `${thread.name}: ${what}`;
        if (topicsLeft > 0 && !monitor.watching.has(thread))
          yield `${thread.name}: it subscribed to ${topicsLeft} topics, for nobody`;
      }
  },

  *"what is counted is what happened"({ monitor, instances }) {
    const isCut = cutBy(instances);
    const records = [...monitor.records.values()];
    for (const record of records) {
      const { id, client, counted, given, end } = record;
      if (client === undefined || counted === undefined) continue;
      if (counted.in < given.length)
        yield `${id}: ${given.length} messages were given, ${counted.in} are counted`;
      if (client.isRude || isCut(record) || end?.outcome !== "clean") continue;
      if (client.hasReadToTheEnd && counted.out !== client.messages.length)
        yield `${id} (${client.name}): ${client.messages.length} messages were read, ${counted.out} are counted`;
    }
    // What a thread that died had counted of its connections is not known.
    if (records.some((record) => record.counted === undefined)) return;
    const sumOf = (counts: readonly number[]): number =>
      counts.reduce((sum, count) => sum + count, 0);
    const threads = instances.flatMap((instance) => instance.threads);
    // The threads of one shard count in the same memory, one after the other.
    const memories = new Set(threads.map(({ counters }) => counters));
    const shards = [...memories].map((memory) => new ShardCounters(memory));
    const pairs = [
      ["messages in", "messagesIn", "in"],
      ["messages out", "messagesOut", "out"],
      ["messages dropped", "messagesDropped", "dropped"],
    ] as const;
    for (const [what, counter, own] of pairs) {
      const ofShards = sumOf(shards.map((shard) => shard.get(counter)));
      const ofOwn = sumOf(records.map(({ counted }) => counted?.[own] ?? 0));
      if (ofShards !== ofOwn)
        yield `${what}: ${ofShards} by shard, ${ofOwn} by connection`;
    }
  },

  *"the end comes by the deadline"({ reports }) {
    for (const { durationMs, deadlineMs, reason } of reports)
      if (durationMs > deadlineMs + GRACE_MS * 10)
        yield `the shutdown (${reason}) took ${Math.round(durationMs)} ms of ${Math.round(deadlineMs)}`;
  },

  *"nothing outlives the server"({ timersLeft, uncaught, instances }) {
    for (const { name, hasEnded, socketsLeft } of instances) {
      if (!hasEnded) yield `${name} runs on`;
      if (socketsLeft > 0) yield `${name} has left ${socketsLeft} sockets open`;
    }
    for (const timer of timersLeft) yield `a timer: ${timer}`;
    for (const error of uncaught) yield `nobody caught ${describe(error)}`;
  },
};

/** Which threads died, and did not end as a shutdown ends them. */
function diedBadly(
  instances: readonly SimInstance[],
): (thread: SimThread) => boolean {
  const dead = new Set(
    instances
      .flatMap(({ threads }) => threads)
      .filter(({ thread, hasEndedWell }) => thread.isDead && !hasEndedWell)
      .map(({ thread }) => thread),
  );
  return (thread) => dead.has(thread);
}

/** Which connections lived in such a thread: what they had is lost with it. */
function cutBy(
  instances: readonly SimInstance[],
): (record: ConnectionRecord) => boolean {
  const isDead = diedBadly(instances);
  return ({ calls }) =>
    calls.some(({ thread }) => thread !== undefined && isDead(thread));
}

/** Holds a life against the laws. */
export function findBreaches(
  life: Life,
  except: readonly string[] = [],
): Breach[] {
  const breaches: Breach[] = life.monitor.faults.map(({ law, what }) => ({
    law,
    what,
  }));
  const all = { ...laws, ...clusterLaws, ...inspectorLaws };
  for (const [law, check] of Object.entries(all))
    for (const what of check(life)) breaches.push({ law, what });
  return breaches.filter(({ law }) => !except.includes(law));
}

function describe(error: unknown): string {
  return error instanceof Error
    ? `${error.name}: ${error.message}`
    : String(error);
}
