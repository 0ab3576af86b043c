import { syncBuiltinESMExports } from "node:module";
import threads, { Worker } from "node:worker_threads";
import { describe, expect, it, onTestFinished } from "vitest";
import { channels } from "../../../src/index.ts";
import { overhear } from "../../support/diagnostics.ts";
import { runProgram } from "../../support/program.ts";
import { RawClient } from "../../support/raw-client.ts";
import { startServer } from "../../support/server.ts";
import { until, within } from "../../support/within.ts";

function handlersOf(source: string): string {
  return `data:text/javascript,${encodeURIComponent(source)}`;
}

/** What would end a program: promises that reject and that nobody holds. */
function unheardRejections(): readonly unknown[] {
  const unheard: unknown[] = [];
  const hear = (reason: unknown): void => void unheard.push(reason);
  process.on("unhandledRejection", hear);
  onTestFinished(() => void process.off("unhandledRejection", hear));
  return unheard;
}

/** The next threads cannot be had, as where the system has none left. */
function refuseThreads(count: number): void {
  let left = count;
  class Refused extends Worker {
    constructor(...parameters: ConstructorParameters<typeof Worker>) {
      if (left-- > 0)
        throw Object.assign(
          new Error("Worker initialization failure: EAGAIN"),
          {
            code: "ERR_WORKER_INIT_FAILED",
          },
        );
      super(...parameters);
    }
  }
  const put = (worker: typeof Worker): void => {
    threads.Worker = worker;
    syncBuiltinESMExports();
  };
  const original = threads.Worker;
  put(Refused);
  onTestFinished(() => put(original));
}

describe("a thread that the system refuses", () => {
  it("is a start that failed, and leaves nothing behind", async () => {
    const unheard = unheardRejections();
    refuseThreads(1);
    await expect(startServer()).rejects.toMatchObject({
      code: "ERR_SLUICE_SHARD_START",
      message: expect.stringContaining("EAGAIN"),
    });
    // With the next there are threads again.
    const server = await startServer();
    expect(await server.shutdown()).toMatchObject({ balanced: true });
    expect(unheard).toEqual([]);
  });

  it("is tried again where a shard is replaced, and ends nobody else", async () => {
    const news = overhear(channels.shard);
    const server = await startServer({ workers: 2, balance: "round-robin" });
    const [one, other] = [
      await RawClient.open(server.port, "/crash"),
      await RawClient.open(server.port),
    ];
    const unheard = unheardRejections();
    refuseThreads(3);
    one.send("now");
    await news.said({ event: "restarting", delayMs: 800 });
    other.send("still here");
    expect(await other.message()).toBe("still here");
    await until("it serves again", () =>
      server.stats().shards.every(({ state }) => state === "serving.accepting"),
    );
    expect(await server.shutdown({ deadlineMs: 200 })).toMatchObject({
      balanced: true,
    });
    expect(unheard).toEqual([]);
  });
});

describe("a heap that is too small for the handlers", () => {
  it("is a start that failed, with what Node says of it", async () => {
    const hoard = handlersOf(
      "const kept = []; for (;;) kept.push(new Array(1e5).fill({})); export default { message() {} };",
    );
    await expect(
      startServer({ handlers: hoard, workerHeapMb: 32 }),
    ).rejects.toMatchObject({
      code: "ERR_SLUICE_SHARD_START",
      cause: expect.objectContaining({ code: "ERR_WORKER_OUT_OF_MEMORY" }),
    });
  });
});

const faults = {
  "a promise that nobody awaits":
    "message() { void Promise.reject(new Error('unheard')); }",
  "a rejected promise with no error in it":
    "message() { void Promise.reject(undefined); }",
  "a subscriber of a diagnostics channel":
    "message() { subscribe('sluice:connection', () => { throw new Error('told'); }); }, closed() {}",
};

describe.each(Object.entries(faults))(
  "%s that fails in a shard",
  (_, hooks) => {
    it("ends that shard alone, whose connections are crashed, and it is replaced", async () => {
      const news = overhear(channels.shard);
      overhear(channels.connection);
      const server = await startServer({
        workers: 2,
        balance: "round-robin",
        handlers: handlersOf(
          `import { subscribe } from "node:diagnostics_channel"; export default { ${hooks} };`,
        ),
      });
      const [doomed, neighbour, leaving] = [
        await RawClient.open(server.port),
        await RawClient.open(server.port),
        await RawClient.open(server.port),
      ];
      doomed.send("now");
      leaving.sendClose();
      await news.said({ event: "died", shard: 0 });
      await within("its end", doomed.ended);
      await until(
        "it serves again",
        () => server.stats().shards[0]?.state === "serving.accepting",
      );
      expect(neighbour.socket.destroyed).toBe(false);
      const report = await server.shutdown({ deadlineMs: 200 });
      expect(report).toMatchObject({ shardsCrashed: 1, balanced: true });
      expect(report.outcomes.crashed).toBeGreaterThan(0);
    });
  },
);

/** A program that serves, with a subscriber that throws at the first state it hears of. */
function program(before: string): string {
  const index = new URL("../../../src/index.ts", import.meta.url).href;
  return `
    import { subscribe } from "node:diagnostics_channel";
    import { serve } from ${JSON.stringify(index)};
    ${before}
    const server = await serve({ port: 0, workers: 1 });
    subscribe("sluice:server", () => { throw new Error("my subscriber"); });
    const report = await server.shutdown();
    console.log("balanced", report.balanced, report.shardsKilled);
  `;
}

function run(source: string): ReturnType<typeof runProgram> {
  return runProgram(["--input-type=module", "--eval", source]);
}

describe("a subscriber in the program's own thread that throws", () => {
  it("is an uncaught exception of the program, as Node has it, with its own stack", async () => {
    const { printed, ended } = run(program(""));
    await printed(/Error: my subscriber/);
    expect(await ended).toBe(1);
  });

  it("leaves the server whole where the program takes such exceptions", async () => {
    const { printed, ended } = run(
      program(`process.on("uncaughtException", () => {});`),
    );
    await printed(/balanced true 0/);
    expect(await ended).toBe(0);
  });
});
