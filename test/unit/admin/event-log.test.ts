import { channel } from "node:diagnostics_channel";
import { describe, expect, it, onTestFinished } from "vitest";
import { EventLog } from "../../../src/admin/event-log.ts";
import type { Happening } from "../../../src/admin/api.ts";

function started(): { log: EventLog; heard: Happening[] } {
  const heard: Happening[] = [];
  let now = 1000;
  const log = new EventLog(
    (happening) => heard.push(happening),
    () => now++,
  );
  log.start();
  onTestFinished(() => log.stop());
  return { log, heard };
}

const failed = (place: string, message = "no"): object => ({
  shard: 0,
  connection: 7,
  hook: "message",
  error: {
    name: "Error",
    message,
    stack: `Error: ${message}\n    at ${place}`,
  },
});

describe("the log of events", () => {
  it("keeps what has happened, in words", () => {
    const { log, heard } = started();
    const error = new Error("out of memory");
    channel("sluice:shard").publish({
      event: "died",
      shard: 1,
      crashed: 12,
      error,
    });
    channel("sluice:server").publish({ event: "state", state: "closing" });
    expect(log.all).toMatchObject([
      {
        level: "warn",
        shard: 1,
        text: "shard 1 died; 12 connections are lost with it",
        error: expect.stringMatching(/^Error: out of memory\n\s+at /),
      },
      { level: "info", text: "closing: telling every connection" },
    ]);
    expect(heard).toEqual(log.all);
  });

  it("tells handlers that fail at one place as one, with how often and the last error", () => {
    const { log } = started();
    channel("sluice:handler-error").publish(failed("a.ts:1", "first"));
    channel("sluice:handler-error").publish(failed("b.ts:2"));
    channel("sluice:handler-error").publish(failed("a.ts:1", "last"));
    expect(log.all).toMatchObject([
      { count: 1, error: "Error: no\n    at b.ts:2" },
      {
        count: 2,
        firstAt: 1000,
        at: 1002,
        error: "Error: last\n    at a.ts:1",
      },
    ]);
  });

  it("is bounded, however much happens and however long it is", () => {
    const { log } = started();
    for (let count = 0; count < 1000; count++)
      channel("sluice:handler-error").publish(
        failed(`${"x".repeat(100_000)}${count}`, "y".repeat(100_000)),
      );
    for (let shard = 0; shard < 500; shard++)
      channel("sluice:shard").publish({ event: "restarting", shard });
    expect(log.all).toHaveLength(200);
    expect(log.all.at(-1)).toMatchObject({ shard: 499 });
    expect(JSON.stringify(log.all).length).toBeLessThan(200 * 6_000);
  });

  it("is not harmed by an error that cannot be read, nor by what is no message", () => {
    const { log } = started();
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    channel("sluice:handler-error").publish({ hook: "watch", error: proxy });
    channel("sluice:shard").publish("nonsense");
    expect(log.all).toMatchObject([{ text: "handler failed" }]);
  });

  it("hears nothing any more when it is stopped", () => {
    const { log } = started();
    log.stop();
    channel("sluice:shard").publish({ event: "restarting", shard: 0 });
    expect(log.all).toEqual([]);
  });
});
