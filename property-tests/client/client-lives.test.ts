import * as fc from "fast-check";
import { expect, it, vi } from "vitest";
import { STATES as table } from "../../src/client/client-table.ts";
import { FakeSocket } from "../../test/unit/client/fake-socket.ts";
import { pageWithEvents } from "../../test/unit/client/play.ts";
import { law } from "../support/laws.ts";
import { Book, type SocketClass } from "./book.ts";

const HEARTBEAT_MS = 10_000;
/** Its interval, what it may be late (and a 32nd), and the time for an answer. */
const DEAD_AFTER_MS = ((HEARTBEAT_MS + 5_000) * 33) / 32 + 5_000;
/** Timers that stood still are a second more patient, each. */
const GRACE_MS = 2_000;

/** What happens next, to a client or around it. */
const happening = fc.oneof(
  { weight: 4, arbitrary: fc.constant({ it: "opens" as const }) },
  {
    weight: 4,
    arbitrary: fc.record({
      it: fc.constantFrom("passes" as const),
      ms: fc.integer({ min: 1, max: 40_000 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      it: fc.constant("ends" as const),
      code: fc.constantFrom(1000, 1001, 1006, 1012, 1013, 4000),
      reason: fc.constantFrom(
        "",
        "bye",
        "retry-after-ms=0",
        "retry-after-ms=2500",
        "retry-after-ms=90000",
        "retry-after-ms=soon",
      ),
    }),
  },
  { weight: 3, arbitrary: fc.constant({ it: "hears" as const }) },
  { weight: 2, arbitrary: fc.constant({ it: "hears the past" as const }) },
  {
    weight: 3,
    arbitrary: fc.record({
      it: fc.constant("wakes" as const),
      by: fc.constantFrom("focus", "online", "offline", "pageshow"),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      it: fc.constant("sleeps" as const),
      ms: fc.integer({ min: 1, max: 3_600_000 }),
    }),
  },
  { weight: 3, arbitrary: fc.constant({ it: "sends" as const }) },
  { weight: 1, arbitrary: fc.constant({ it: "is called back" as const }) },
  {
    weight: 2,
    arbitrary: fc.record({
      it: fc.constant("is answered" as const),
      with: fc.constantFrom("an address", "an error", "nothing"),
    }),
  },
);
type Happening =
  typeof happening extends fc.Arbitrary<infer Each> ? Each : never;

/** A life in simulated time, and the laws at every moment of it. */
class Life {
  readonly book: Book;
  readonly #page = pageWithEvents();
  #answer = "an address";
  /** Of the present connection: when its death must have been noticed. */
  #noticedBy = Infinity;

  constructor() {
    this.#page.listen();
    this.book = new Book(
      "ws://example.org/",
      FakeSocket as unknown as SocketClass,
      (url) => {
        if (this.#answer === "an error") throw new Error("no token");
        return this.#answer === "nothing" ? new Promise(() => {}) : url;
      },
      { heartbeat: true },
    );
  }

  async live(happenings: readonly Happening[]): Promise<void> {
    await vi.advanceTimersByTimeAsync(0);
    for (const each of happenings) {
      await this.#happens(each);
      await vi.advanceTimersByTimeAsync(0);
      this.#judge();
    }
  }

  /** Its user has had enough: it ends, and all is settled. */
  async end(): Promise<void> {
    this.book.client.close();
    await vi.advanceTimersByTimeAsync(10_000);
    this.#judge();
    expect([this.book.isClosed, this.book.pending]).toEqual([true, 0]);
    expect(vi.getTimerCount()).toBe(0);
  }

  async #happens(each: Happening): Promise<void> {
    const socket = FakeSocket.made.at(-1);
    switch (each.it) {
      case "passes":
        // In steps: what is due has to be noticed when it is.
        for (let left = each.ms; left > 0; left -= 500) {
          await vi.advanceTimersByTimeAsync(Math.min(left, 500));
          this.#judge();
        }
        return;
      case "sleeps":
        // Timers stand still; the clock does not.
        vi.setSystemTime(Date.now() + each.ms);
        this.#noticedBy += each.ms + GRACE_MS;
        return;
      case "opens":
        if (socket?.readyState !== 0) return;
        socket.opens("sluice.v1");
        socket.hears(`^ ${HEARTBEAT_MS} t0ken`);
        this.#isHeard();
        return;
      case "hears":
        if (socket?.readyState !== 1) return;
        socket.hears("~t0ken");
        socket.hears("news");
        this.#isHeard();
        return;
      case "hears the past":
        // What was given up says what it likes: nobody listens.
        for (const old of FakeSocket.made.slice(0, -1)) {
          old.hears("late");
          old.ends(1012, "retry-after-ms=1");
        }
        return;
      case "ends":
        // Without an opening handshake there is no close frame.
        if (socket?.readyState === 0) socket.ends();
        else if (socket?.readyState !== 3) socket?.ends(each.code, each.reason);
        return;
      case "wakes":
        this.#page.wake(each.by);
        if (this.book.client.state === "open.probing")
          this.#noticedBy = Math.min(
            this.#noticedBy,
            Date.now() + 5_000 + GRACE_MS,
          );
        return;
      case "sends":
        this.book.send("something");
        return;
      case "is called back":
        this.book.reconnect();
        return;
      case "is answered":
        this.#answer = each.with;
        return;
      default:
        each satisfies never;
    }
  }

  #isHeard(): void {
    this.#noticedBy = Date.now() + DEAD_AFTER_MS;
  }

  #judge(): void {
    const { client, violations, isClosed } = this.book;
    expect(violations.join("; ")).toBe("");
    // C3: whoever is silent, it moves on.
    const isArmed = vi.getTimerCount() > 0;
    expect([client.state, isArmed || isClosed]).toEqual([client.state, true]);
    // C5: dead is noticed.
    if (client.state.startsWith("open"))
      expect(Date.now()).toBeLessThanOrEqual(this.#noticedBy);
  }
}

async function inSimulatedTime(
  lead: (life: Life) => Promise<void>,
): Promise<void> {
  vi.useFakeTimers();
  FakeSocket.made = [];
  try {
    await lead(new Life());
  } finally {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  }
}

/** All that a client is in before it ends. */
const STATES = table
  .map(([name]) => name)
  .filter((state) => !["resting", "closing", "closed"].includes(state));
/** What the lives have met, all together. */
const met = new Set<string>();

law(
  "the client keeps its laws, whatever happens to it",
  fc.asyncProperty(
    fc.array(happening, { minLength: 10, maxLength: 80 }),
    async (happenings) => {
      await inSimulatedTime(async (life) => {
        for (const each of happenings) {
          await life.live([each]);
          met.add(life.book.client.state);
        }
        await life.end();
      });
    },
  ),
  { runs: 100, hasMetAll: () => met.size === STATES.length },
);

it("a life of every kind is led: connected, appointed, backed off, offline, dead", async () => {
  await inSimulatedTime(async (life) => {
    const seen = new Set<string>();
    const lead = async (...happenings: Happening[]): Promise<void> => {
      for (const each of happenings) {
        await life.live([each]);
        seen.add(life.book.client.state);
      }
    };
    await lead(
      { it: "opens" },
      { it: "wakes", by: "focus" },
      { it: "passes", ms: 5_000 },
      { it: "wakes", by: "offline" },
      { it: "wakes", by: "online" },
      { it: "opens" },
      { it: "ends", code: 1012, reason: "retry-after-ms=2500" },
    );
    expect(seen).toEqual(
      new Set([
        "open.healthy",
        "open.probing",
        "waiting.backingOff",
        "offline",
        "connecting",
        "waiting.appointed",
      ]),
    );
    await life.end();
  });
});
