import { describe, expect, it } from "vitest";
import type { TopicMessage } from "../../../src/protocol/topic-messages.ts";
import { Outbox, weighBatches } from "../../../src/topics/outbox.ts";

const memory = new SharedArrayBuffer(64);
const frame = { memory, start: 0, end: 10 };

function weightOf(message: TopicMessage | undefined): number {
  return message?.type === "published" ? weighBatches(message.batches) : 0;
}

describe("an outbox", () => {
  it("counts what it has published until the other side has passed it on", () => {
    const posted: TopicMessage[] = [];
    const outbox = new Outbox((message) => posted.push(message));
    outbox.add("news", frame);
    outbox.add("news", frame);
    outbox.flush(1);
    expect(outbox.backlogBytes).toBe(weightOf(posted[0]));
    outbox.taken(weightOf(posted[0]) / 2);
    expect(outbox.backlogBytes).toBe(weightOf(posted[0]) / 2);
  });

  it("makes no room for more than was ever given, whatever the other side says", () => {
    const outbox = new Outbox(() => {});
    outbox.add("news", frame);
    outbox.taken(1_000_000);
    expect(outbox.backlogBytes).toBe(0);
    outbox.add("news", frame);
    expect(outbox.backlogBytes).toBeGreaterThan(0);
  });

  it("says of what waited for its link when it would have been posted", () => {
    const outbox = new Outbox();
    outbox.add("news", frame);
    outbox.flush(1);
    outbox.add("news", frame);
    outbox.flush(2);
    const posted: TopicMessage[] = [];
    outbox.connect((message) => posted.push(message));
    expect(posted).toMatchObject([{ batches: [{ at: 1 }, { at: 2 }] }]);
  });

  it("counts for the next thread only what waits for it", () => {
    const posted: TopicMessage[] = [];
    const outbox = new Outbox((message) => posted.push(message));
    outbox.add("news", frame);
    outbox.flush(1);
    outbox.reset();
    expect(outbox.backlogBytes).toBe(0);
    outbox.add("news", frame);
    const next: TopicMessage[] = [];
    outbox.connect((message) => next.push(message));
    expect(next).toHaveLength(1);
    expect(outbox.backlogBytes).toBe(weightOf(next[0]));
  });
});
