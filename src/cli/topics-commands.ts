import { setTimeout as delay } from "node:timers/promises";

import { Option } from "commander";

import type { ListedTopic, PublishedByHand, TopicList } from "../admin/api.ts";
import { topicSortKeys } from "../protocol/inspection-messages.ts";
import { addTargetFlags, connectAdmin } from "./admin-client.ts";
import type { AddCommand } from "./context.ts";
import { writeLine } from "./io.ts";
import { renderTable } from "./text-table.ts";

const MS_PER_SECOND = 1_000;
/** How far apart two looks are that a rate is taken from. */
const LOOK_AGAIN_MS = 1_000;

interface Flags {
  readonly prefix?: string;
  readonly sort?: string;
  readonly limit?: string;
  readonly json?: true;
}

/** `sluice topics [topic]` */
export const addTopicsCommand: AddCommand = (program, { io }) => {
  const command = program
    .command("topics")
    .summary("list a running server's topics, or show one")
    .description(
      "Lists topics that have subscribers: how many on each shard, messages a second (it looks twice, a second apart), and what was left out for slow subscribers.",
    )
    .argument("[topic]", "show this one; its members: connections --topic")
    .option("--prefix <TEXT>", "whose name starts so")
    .addOption(
      new Option("--sort <KEY>", "what to sort by [subscribers]").choices(
        topicSortKeys,
      ),
    )
    .option("--limit <N>", "how many, 1 to 200 [50]");
  addTargetFlags(command).action(async (topic: string | undefined) => {
    const { json, prefix, sort, limit } = command.opts<Flags>();
    const client = connectAdmin(command, io);
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries({ topic, prefix, sort, limit }))
      if (value !== undefined) query.set(name, value);
    const look = () => client.get<TopicList>(`/api/topics?${query.toString()}`);
    const list = await look();
    if (json === true) return writeLine(io.stdout, JSON.stringify(list));
    await delay(list.rows.length === 0 ? 0 : LOOK_AGAIN_MS);
    return writeLine(io.stdout, renderTopics(list, await look()));
  });
};

/** `sluice publish <topic> <text>` */
export const addPublishCommand: AddCommand = (program, { io }) => {
  const command = program
    .command("publish")
    .summary("publish a text to a topic of a running server")
    .description(
      "Sends a text to every subscriber of a topic, on all shards and instances, as if the server had published it, and says how many there were.",
    )
    .argument("<topic>", "to whose subscribers")
    .argument("<text>", "what they get");
  addTargetFlags(command).action(async (topic: string, data: string) => {
    const answer = await connectAdmin(command, io).post<PublishedByHand>(
      "/api/topics/publish",
      { topic, data },
    );
    const { json } = command.opts<{ json?: true }>();
    await writeLine(
      io.stdout,
      json === true ? JSON.stringify(answer) : renderPublished(answer),
    );
  });
};

/** A list of topics for people, with rates from what it was a moment before. */
export function renderTopics(before: TopicList, now: TopicList): string {
  const seconds = (now.at - before.at) / MS_PER_SECOND;
  const rateOf = ({ name, messages }: ListedTopic): string => {
    const earlier = before.rows.find((row) => row.name === name);
    if (earlier === undefined || seconds <= 0) return "-";
    return (Math.max(0, messages - earlier.messages) / seconds).toFixed(1);
  };
  const notes = [
    now.rows.length === 0
      ? "nobody subscribes to such a topic"
      : `${now.rows.length} topic${now.rows.length === 1 ? "" : "s"}`,
    ...(now.hasMore ? ["there are more: --prefix, --sort, --limit"] : []),
    ...now.unanswered.map((shard) => `shard ${shard} does not answer`),
  ];
  if (now.rows.length === 0) return notes.join("; ");
  const table = renderTable(
    [
      { title: "topic", maxWidth: 40 },
      { title: "subscribers", isNumber: true },
      { title: "by shard", maxWidth: 40 },
      { title: "messages/s", isNumber: true },
      { title: "messages", isNumber: true },
      { title: "dropped", isNumber: true },
    ],
    now.rows.map((row) => [
      row.name,
      String(row.subscribers),
      row.shards
        .map(({ shard, subscribers }) => `${shard}: ${subscribers}`)
        .join(", "),
      rateOf(row),
      String(row.messages),
      String(row.dropped),
    ]),
  );
  return `${table}\n\n${notes.join("; ")}`;
}

function renderPublished({ status, subscribers }: PublishedByHand): string {
  const { here, cluster, isComplete } = subscribers;
  const elsewhere = cluster === here ? "" : `, ${cluster} in the cluster`;
  const atLeast = isComplete ? "" : "at least ";
  return `${status} to ${atLeast}${here} subscriber${here === 1 ? "" : "s"}${elsewhere}`;
}
