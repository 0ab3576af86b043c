import { describe, expect, it } from "vitest";
import { startServer } from "../../support/server.ts";
import { until, within } from "../../support/within.ts";
import {
  beginReload,
  describeInterplay,
  OPTIONS,
  shardsAre,
  WORKERS,
} from "./interplay.ts";

describeInterplay({
  "a reload that starts the new shards": (scene) =>
    beginReload(scene, "they start", shardsAre(scene, /starting/, WORKERS)),

  "a reload in its trial": (scene) =>
    beginReload(scene, "the trial", shardsAre(scene, /suspended/, WORKERS)),

  "a reload whose old shards retire": (scene) =>
    beginReload(scene, "they retire", shardsAre(scene, /closing|draining/)),
});

describe("a reload that has not passed its trial", () => {
  it("is given up at once: whoever calls the shutdown off in the same turn finds the old version in its place", async () => {
    const server = await startServer({ ...OPTIONS, trialMs: 60_000 });
    const old = server.stats().shards.map(({ shard }) => shard);
    const reload = server.reload();
    reload.catch(() => {});
    await until(
      "they have taken over",
      () => server.stats().shards[0]?.shard !== old[0],
    );
    server.shutdown({ deadlineMs: 60_000 }).catch(() => {});
    expect(server.callOff()).toBe(true);
    const inPlace = server.stats().shards.slice(0, WORKERS);
    expect(inPlace.map(({ shard, state }) => [shard, state])).toEqual(
      old.map((shard) => [shard, "serving.accepting"]),
    );
    await expect(within("the reload", reload)).rejects.toMatchObject({
      code: "ERR_SLUICE_RELOAD",
    });
  });

  it("is given up by a shutdown, and whoever calls that off finds the old version", async () => {
    const server = await startServer({ ...OPTIONS, trialMs: 60_000 });
    const old = server.stats().shards.map(({ shard }) => shard);
    const reload = server.reload();
    reload.catch(() => {});
    const stateOfOld = (): string[] =>
      server
        .stats()
        .shards.filter(({ shard }) => old.includes(shard))
        .map(({ state }) => state);
    await until("the trial", () =>
      stateOfOld().every((state) => state === "serving.suspended"),
    );
    const shutdown = server.shutdown({ deadlineMs: 60_000 });
    expect(server.callOff()).toBe(true);
    await expect(shutdown).rejects.toMatchObject({
      code: "ERR_SLUICE_SHUTDOWN_CALLED_OFF",
    });
    await expect(within("the reload", reload)).rejects.toMatchObject({
      code: "ERR_SLUICE_RELOAD",
    });
    expect(stateOfOld()).toEqual(old.map(() => "serving.accepting"));
  });
});

describe("what is asked of a server that does not listen", () => {
  it("rejects where it promises something, and throws where it does not", async () => {
    const server = await startServer(OPTIONS);
    await server.shutdown();
    const refusal = { code: "ERR_SLUICE_STATE" };
    for (const ask of [
      () => server.reload(),
      () => server.upgrade(),
      () => server.rebalance(),
      () => server.restartShard(0),
    ])
      await expect(ask()).rejects.toMatchObject(refusal);
    expect(() => server.drain()).toThrow(expect.objectContaining(refusal));
  });
});
