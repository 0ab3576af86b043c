import {
  compareTopics,
  topicSortKeys,
  type TopicQuery,
} from "../protocol/inspection-messages.ts";
import type { ListedTopic, PublishedByHand, TopicList } from "./api.ts";
import { CallError } from "./call-error.ts";
import { type Fields, readInteger, readText, readWord } from "./fields.ts";
import type { InspectRequests } from "./inspect-requests.ts";
import type { InspectedServer } from "./inspected-server.ts";

const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 200;
/** As long as a topic may be made, whatever its bytes. */
export const MAX_TOPIC_LENGTH = 64 * 1024;
/** So many times as many as are listed are counted on every shard: one that is spread evenly is first on none. */
const CANDIDATES = 2;

/** Fields of a query for topics. */
export const topicFields = ["topic", "prefix", "sort", "limit"] as const;

/** Fields of a message that is published by hand. */
export const publishFields = ["topic", "data"] as const;

/**
 * Lists topics: every shard gives its first, and how many subscribers those
 * have on the others is asked then. With a `topic`, that one alone.
 */
export async function listTopics(
  { shards }: InspectedServer,
  requests: InspectRequests,
  fields: Fields,
): Promise<TopicList> {
  const topic = readText(fields, "topic", { maxLength: MAX_TOPIC_LENGTH });
  const prefix = readText(fields, "prefix", { maxLength: MAX_TOPIC_LENGTH });
  const sort = readWord(fields, "sort", topicSortKeys) ?? "subscribers";
  const limit = readInteger(fields, "limit", 1, MAX_LIMIT) ?? DEFAULT_LIMIT;
  const unanswered = new Set<number>();
  const ask = async (query: Partial<TopicQuery>) => {
    const defaults = { prefix: prefix ?? "", names: undefined, sort };
    // Who did not answer once is not waited for again.
    const hearing = shards.filter(({ index }) => !unanswered.has(index));
    const asked = await requests.askAll<"topics">(hearing, {
      type: "topics",
      query: { ...defaults, limit: limit * CANDIDATES, ...query },
    });
    for (const shard of asked.unanswered) unanswered.add(shard);
    return asked.answers;
  };
  const merge = (answers: Awaited<ReturnType<typeof ask>>): ListedTopic[] => {
    const byName = new Map<string, ListedTopic>();
    for (const { shard, findings } of answers)
      for (const { name, subscribers, messages, dropped } of findings.rows) {
        const before = byName.get(name);
        byName.set(name, {
          name,
          subscribers: (before?.subscribers ?? 0) + subscribers,
          shards: [...(before?.shards ?? []), { shard, subscribers }],
          messages: Math.max(before?.messages ?? 0, messages),
          dropped: (before?.dropped ?? 0) + dropped,
        });
      }
    return [...byName.values()].toSorted((a, b) => compareTopics(a, b, sort));
  };
  const first = await ask(topic === undefined ? {} : { names: [topic] });
  const candidates = merge(first).slice(0, limit * CANDIDATES);
  const needsCount = topic === undefined && shards.length > 1;
  const rows = needsCount
    ? merge(await ask({ names: candidates.map(({ name }) => name) }))
    : candidates;
  const hasMore =
    candidates.length > limit ||
    (topic === undefined &&
      first.some(({ findings }) => findings.matching > findings.rows.length));
  return {
    at: Date.now(),
    rows: rows.slice(0, limit),
    hasMore,
    unanswered: [...unanswered],
  };
}

/**
 * Publishes a text to a topic, as the server's own code does.
 *
 * @throws CallError 503 when the shards have no room for it.
 */
export async function publishByHand(
  server: InspectedServer,
  fields: Fields,
): Promise<PublishedByHand> {
  const topic = readText(fields, "topic", { maxLength: MAX_TOPIC_LENGTH });
  const data = readText(fields, "data", {
    minLength: 0,
    maxLength: MAX_TOPIC_LENGTH,
  });
  if (topic === undefined || data === undefined)
    throw new CallError(400, "takes a topic and data, both as text");
  const subscribers = await server.subscribers(topic);
  const status = server.publish(topic, data);
  if (status === "sent" || status === "congested")
    return { status, subscribers };
  throw new CallError(
    503,
    status === "refused"
      ? "nobody got it: the shards have not passed on what was published before (maxPublishBacklogBytes)"
      : "nobody got it: the server has ended",
  );
}
