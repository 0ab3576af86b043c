import {
  compareTopics,
  type TopicPage,
  type TopicQuery,
  type TopicRow,
} from "../../protocol/inspection-messages.ts";
import type { LiveConnection } from "../connection/connection.ts";
import { BATCH, nextTurn } from "./batches.ts";

/** A topic, as the inspector looks at it. */
export interface InspectedTopic {
  readonly name: string;
  readonly subscribers: ReadonlySet<LiveConnection>;
  readonly messages: number;
  readonly dropped: number;
}

/** The topics of a shard. */
export interface InspectedTopics {
  all(): Iterable<InspectedTopic>;
  find(topic: string): InspectedTopic | undefined;
}

/**
 * The first topics of a shard in the order asked for. All are looked at, but
 * hardly more than that many are kept, whatever their number.
 */
export async function listTopics(
  topics: InspectedTopics,
  { prefix, names, sort, limit }: TopicQuery,
): Promise<TopicPage> {
  if (names !== undefined) {
    const found = names.map((name) => topics.find(name));
    const rows = found.filter((topic) => topic !== undefined).map(describe);
    return { rows, matching: rows.length };
  }
  let first: TopicRow[] = [];
  const cut = (): void => {
    first.sort((a, b) => compareTopics(a, b, sort));
    first = first.slice(0, limit);
  };
  let seen = 0;
  let matching = 0;
  for (const topic of topics.all()) {
    if (++seen % BATCH === 0) {
      cut();
      await nextTurn();
    }
    if (!topic.name.startsWith(prefix)) continue;
    matching++;
    first.push(describe(topic));
  }
  cut();
  return { rows: first, matching };
}

function describe({
  name,
  subscribers,
  messages,
  dropped,
}: InspectedTopic): TopicRow {
  return { name, subscribers: subscribers.size, messages, dropped };
}
