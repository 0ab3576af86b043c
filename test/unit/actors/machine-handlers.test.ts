import { channel } from "node:diagnostics_channel";
import { describe, expect, it, onTestFinished } from "vitest";
import { assign, fromCallback, fromPromise, setup } from "xstate";
import {
  channels,
  connectionActions,
  type ConnectionFact,
  machineHandlers,
} from "../../../src/index.ts";
import { actorsOf } from "../../../src/protocol/actor-host.ts";
import type { Handlers } from "../../../src/handlers.ts";
import {
  type Scene,
  simulate,
  type SimulateOptions,
} from "../../../src/testing/index.ts";

const WORK_MS = 300;

/** What the machine's invoked callback has open, over all threads. */
let open = 0;
/** How often the machine's work was begun. */
let worked = 0;

type Said =
  | { readonly type: "work" | "fail" | "throw" | "guard" | "leave" | "wait" }
  | { readonly type: "count"; readonly by: number }
  | { readonly type: "say"; readonly text: string };

const machine = setup({
  types: {
    context: {} as { count: number },
    events: {} as ConnectionFact | Said,
    tags: {} as "busy",
    output: {} as { code: number; reason: string },
  },
  actors: {
    work: fromPromise(async () => {
      worked++;
      await new Promise((resolve) => setTimeout(resolve, WORK_MS));
      return "done";
    }),
    fail: fromPromise(async () => {
      await new Promise((resolve) => setTimeout(resolve, WORK_MS));
      throw new Error("the work has failed");
    }),
    held: fromCallback(() => {
      open++;
      return () => void open--;
    }),
  },
  actions: {
    ...connectionActions,
    explode: () => {
      throw new Error("the action has failed");
    },
  },
  guards: {
    explodes: () => {
      throw new Error("the guard has failed");
    },
  },
  delays: { long: 5_000 },
}).createMachine({
  id: "m",
  context: { count: 0 },
  initial: "idle",
  on: {
    opened: { actions: { type: "send", params: { data: "welcome" } } },
    draining: { actions: { type: "send", params: { data: "goodbye" } } },
    closed: {
      actions: {
        type: "publish",
        params: { topic: "ends", data: "somebody has gone" },
      },
    },
    count: {
      actions: [
        assign({ count: ({ context, event }) => context.count + event.by }),
        {
          type: "send",
          params: ({ context }) => ({ data: String(context.count) }),
        },
      ],
    },
    say: {
      actions: [
        { type: "subscribe", params: { topic: "ends" } },
        {
          type: "publish",
          params: ({ event }) => ({ topic: "ends", data: event.text }),
        },
      ],
    },
    throw: { actions: "explode" },
    guard: { guard: "explodes", actions: "explode" },
  },
  states: {
    idle: {
      invoke: { src: "held" },
      on: {
        work: "working",
        fail: "failing",
        leave: "left",
        wait: "waiting",
      },
    },
    working: {
      tags: "busy",
      invoke: {
        src: "work",
        onDone: {
          target: "idle",
          actions: {
            type: "send",
            params: ({ event }) => ({ data: event.output }),
          },
        },
      },
    },
    failing: { invoke: { src: "fail" } },
    waiting: {
      after: {
        long: {
          target: "idle",
          actions: { type: "send", params: { data: "waited" } },
        },
      },
    },
    left: { type: "final" },
  },
  output: { code: 4001, reason: "left" },
});

const decode = (data: Buffer): Said | undefined => {
  const said = JSON.parse(data.toString()) as Said;
  return typeof said.type === "string" ? said : undefined;
};

/** Plays against the machine, or another version of it. */
async function play(
  script: (scene: Scene) => Promise<void>,
  options: Partial<SimulateOptions> = {},
): Promise<void> {
  await simulate(
    { handlers: () => machineHandlers(machine, { decode }), ...options },
    script,
  );
}

const message = (said: Said): string => JSON.stringify(said);

describe("a machine for each connection", () => {
  it("is told that it is open, what is said, and that it ends", () =>
    play(
      async ({ open: connect, settle }) => {
        const ann = await connect("/");
        expect(await ann.next()).toBe("welcome");
        ann.send(message({ type: "say", text: "hello" }));
        const bob = await connect("/");
        bob.send(message({ type: "say", text: "hi" }));
        expect(await ann.next()).toBe("hi");
        bob.close(1000);
        await bob.closed();
        expect(await ann.next()).toBe("somebody has gone");
        await settle();
      },
      { shards: 2 },
    ));

  it.each([
    ["what is no JSON", "}"],
    ["what decode does not know", "{}"],
    ["a fact that is the connection's own", '{"type":"closed"}'],
    ["an event of XState's own", '{"type":"xstate.done.actor.0.m.working"}'],
  ])("closes with 1007 at %s, and goes on for others", (_, text) =>
    play(async ({ open: connect }) => {
      const ann = await connect("/");
      const bob = await connect("/");
      ann.send(text);
      expect(await ann.closed()).toMatchObject({ code: 1007 });
      bob.send(message({ type: "count", by: 2 }));
      await bob.next();
      expect(await bob.next()).toBe("2");
    }),
  );

  it.each([
    ["an action", { type: "throw" }, "the action has failed"],
    ["a guard", { type: "guard" }, "the guard has failed"],
    ["a promise that it has invoked", { type: "fail" }, "the work has failed"],
  ] as const)(
    "ends its connection with 1011 when %s fails",
    async (_, said, says) => {
      // Heard in the shard and, passed on, in main: both are this thread.
      const failures = new Set<string>();
      const hear = (failure: unknown): void =>
        void failures.add(JSON.stringify(failure));
      const errors = channel(channels.handlerError);
      errors.subscribe(hear);
      onTestFinished(() => {
        errors.unsubscribe(hear);
      });
      await play(
        async ({ open: connect, server }) => {
          const ann = await connect("/");
          ann.send(message(said));
          expect(await ann.closed()).toMatchObject({ code: 1011 });
          const bob = await connect("/");
          expect(await bob.next()).toBe("welcome");
          expect(server.stats().shards[0]?.restarts).toBe(0);
        },
        { exceptLaws: ["no hook throws"] },
      );
      expect(
        [...failures].map((failure) => JSON.parse(failure) as unknown),
      ).toMatchObject([
        {
          connection: "c1",
          hook: "message",
          error: { message: expect.stringContaining(says) as string },
        },
      ]);
    },
  );

  it("closes in a final state, with the code of its output", () =>
    play(async ({ open: connect }) => {
      const ann = await connect("/");
      ann.send(message({ type: "leave" }));
      expect(await ann.closed()).toEqual({ code: 4001, reason: "left" });
    }));

  it("holds an orderly shutdown while it is busy, and answers first", () =>
    play(async ({ open: connect, server, time }) => {
      const ann = await connect("/");
      await ann.next();
      ann.send(message({ type: "work" }));
      await time.advance(20);
      const ending = server.shutdown();
      await time.advance(20);
      expect(ann.isOpen).toBe(true);
      expect(await ann.next()).toBe("goodbye");
      expect(await ann.next()).toBe("done");
      expect(await ann.closed()).toMatchObject({ code: 1001 });
      expect((await ending).outcomes.clean).toBe(1);
    }));

  it("does not hold a shutdown beyond its deadline", () =>
    play(
      async ({ open: connect, server, time }) => {
        const ann = await connect("/");
        ann.send(message({ type: "work" }));
        await time.advance(20);
        const { durationMs } = await server.shutdown();
        expect(durationMs).toBeLessThan(250);
      },
      {
        server: { shutdownDeadlineMs: 100 },
        exceptLaws: ["no handler is cut by an orderly end of its thread"],
      },
    ));

  it("does not hold a verdict", () =>
    play(async ({ open: connect, time }) => {
      const ann = await connect("/");
      ann.send(message({ type: "work" }));
      await time.advance(20);
      const before = time.now;
      ann.send("}");
      expect(await ann.closed()).toMatchObject({ code: 1007 });
      expect(time.now - before).toBeLessThan(WORK_MS / 2);
    }));
});

/** Moves who is on the first shard to the others. */
async function moveAll({ server, shards }: Scene): Promise<void> {
  for (const { index } of shards)
    await server.drain({ shard: index, move: true, deadlineMs: 4_000 }).done;
}

describe("a machine that moves", () => {
  it("goes on where it was", async () => {
    await play(
      async (scene) => {
        const ann = await scene.open("/");
        ann.send(message({ type: "count", by: 3 }));
        await scene.time.advance(10);
        await moveAll(scene);
        ann.send(message({ type: "count", by: 4 }));
        await ann.next();
        expect(await ann.next()).toBe("3");
        expect(await ann.next()).toBe("7");
        expect(scene.server.stats().handover.moved).toBeGreaterThan(0);
        // What it has invoked runs on one side.
        expect(open).toBe(1);
      },
      { shards: 2 },
    );
    expect(open).toBe(0);
  });

  it("takes what is left of its delays along", () =>
    play(
      async (scene) => {
        const ann = await scene.open("/");
        await ann.next();
        ann.send(message({ type: "wait" }));
        await scene.time.advance(4_000);
        await moveAll(scene);
        expect(ann.texts).toEqual(["welcome"]);
        const before = scene.time.now;
        expect(await ann.next()).toBe("waited");
        expect(scene.time.now - before).toBeLessThan(1_000);
      },
      { shards: 2 },
    ));

  it("does not move while it owes something, which is done once", () =>
    play(
      async (scene) => {
        worked = 0;
        const ann = await scene.open("/");
        await ann.next();
        ann.send(message({ type: "work" }));
        await scene.time.advance(20);
        const moving = moveAll(scene);
        expect(await ann.next()).toBe("done");
        await moving;
        ann.send(message({ type: "count", by: 1 }));
        expect(await ann.next()).toBe("1");
        expect(scene.server.stats().handover.moved).toBeGreaterThan(0);
        expect(worked).toBe(1);
      },
      { shards: 2, server: { moveDeadlineMs: 2_000 } },
    ));

  it("goes on here while it is too busy to leave, hears afterwards what was said meanwhile, and leaves later", () =>
    play(
      async (scene) => {
        worked = 0;
        const ann = await scene.open("/");
        await ann.next();
        ann.send(message({ type: "work" }));
        await scene.time.advance(20);
        const moving = moveAll(scene);
        await scene.time.advance(60);
        ann.send(message({ type: "count", by: 1 }));
        // What is said while it is being taken down waits for the end of that.
        expect(await ann.next()).toBe("done");
        expect(await ann.next()).toBe("1");
        await moving;
        ann.send(message({ type: "count", by: 1 }));
        expect(await ann.next()).toBe("2");
        expect(worked).toBe(1);
        expect(scene.server.stats().handover.moved).toBeGreaterThan(0);
      },
      { shards: 2, server: { moveDeadlineMs: 40 } },
    ));

  it("answers what had waited for it when a shutdown comes meanwhile", () =>
    play(
      async (scene) => {
        const ann = await scene.open("/");
        await ann.next();
        ann.send(message({ type: "work" }));
        await scene.time.advance(20);
        const moving = scene.server.drain({
          shard: 0,
          move: true,
          deadlineMs: 4_000,
        }).done;
        await scene.time.advance(60);
        ann.send(message({ type: "count", by: 1 }));
        ann.send(message({ type: "count", by: 1 }));
        await scene.time.advance(10);
        const ending = scene.server.shutdown();
        await scene.time.advance(WORK_MS);
        await ending;
        await moving;
        expect(ann.texts).toEqual(expect.arrayContaining(["1", "2", "done"]));
      },
      { shards: 2, server: { moveDeadlineMs: 40, maxHandlersInFlight: 1 } },
    ));
});

/** What a new version brings that has not lost what was invoked. */
const knows = setup({
  types: { events: {} as ConnectionFact | Said },
  actors: { held: fromCallback(() => {}) },
  actions: connectionActions,
});
/** The machine after a change of its states, as a new version has it. */
const later = {
  "has lost its state": knows.createMachine({
    id: "m",
    initial: "new",
    states: { new: {} },
  }),
  "has states within it": knows.createMachine({
    id: "m",
    initial: "idle",
    states: { idle: { initial: "first", states: { first: {} } } },
  }),
  "has lost what it had invoked": setup({
    types: { events: {} as ConnectionFact | Said },
    actions: connectionActions,
  }).createMachine({ id: "m", initial: "idle", states: { idle: {} } }),
  "is another": knows.createMachine({
    id: "another",
    initial: "idle",
    states: { idle: {} },
  }),
  "ends there": knows.createMachine({
    id: "m",
    initial: "other",
    states: { other: {}, idle: { type: "final" } },
  }),
};

describe("a machine of a new version", () => {
  /** Starts with the machine, and has a version in place of it from the reload on. */
  const versions = (next: () => Handlers): SimulateOptions["handlers"] => {
    let made = 0;
    return () => (++made === 1 ? machineHandlers(machine, { decode }) : next());
  };

  it.each(Object.entries(later))(
    "that %s tells clients to come back, and when",
    (_, next) =>
      play(
        async ({ open: connect, server }) => {
          const ann = await connect("/");
          await ann.next();
          await server.reload();
          const { code, reason } = await ann.closed();
          expect(code).toBe(1012);
          expect(reason).toMatch(/^retry-after-ms=\d+$/);
          expect(ann.texts).toEqual(["welcome"]);
        },
        { handlers: versions(() => machineHandlers(next, { decode })) },
      ),
  );

  it("that knows the state goes on in it", () =>
    play(
      async ({ open: connect, server }) => {
        const ann = await connect("/");
        await ann.next();
        ann.send(message({ type: "count", by: 5 }));
        expect(await ann.next()).toBe("5");
        await server.reload();
        ann.send(message({ type: "count", by: 1 }));
        expect(await ann.next()).toBe("6");
      },
      { handlers: versions(() => machineHandlers(machine, { decode })) },
    ));

  it("does not run on what handlers without a machine had kept", () =>
    play(
      async ({ open: connect, server }) => {
        const ann = await connect("/");
        await server.reload();
        expect(await ann.closed()).toMatchObject({ code: 1012 });
      },
      {
        handlers: (() => {
          let made = 0;
          return (): Handlers =>
            ++made === 1
              ? {
                  authorize: () => ({ accept: true, data: { value: "idle" } }),
                  message() {},
                }
              : machineHandlers(machine, { decode });
        })(),
      },
    ));
});

describe("the population", () => {
  it("counts who is where, parents included, and nobody who has gone", async () => {
    const handlers = machineHandlers(machine, { decode });
    const actors = actorsOf(handlers);
    await play(
      async ({ open: connect, settle, time }) => {
        const ann = await connect("/");
        const bob = await connect("/");
        bob.send(message({ type: "wait" }));
        await time.advance(10);
        expect(new Map(actors?.population())).toEqual(
          new Map([
            ["idle", 1],
            ["waiting", 1],
          ]),
        );
        ann.close();
        bob.reset();
        await ann.closed();
        await time.advance(10);
        await settle();
        expect(actors?.population()).toEqual([]);
      },
      { handlers: () => handlers },
    );
  });
});
