import * as fc from "fast-check";
import { until } from "../../test/support/within.ts";
import { GOING_AWAY, type Operation } from "./operation.ts";
import * as operations from "./operations.ts";
import { type Circumstances, Scene } from "./scene.ts";
import * as successions from "./successions.ts";
import { addUp } from "./books.ts";
import { Together } from "./together.ts";

export const MOST_OPERATIONS = 12;
const END_MS = 30_000;

const at = fc.nat(11);

const movesOrTells: readonly fc.Arbitrary<Operation>[] = [
  fc.constant(new operations.Reload()),
  fc.constant(new successions.Upgrade()),
  fc.constant(new operations.Rebalance()),
  at.map((n) => new operations.MoveShard(n % 2)),
];

/** Something under way, and what happens meanwhile. */
const together: fc.Arbitrary<Operation> = fc
  .tuple(
    fc.oneof(...movesOrTells),
    fc.oneof(
      ...movesOrTells,
      at.map((n) => new operations.RestartShard(n % 2)),
      at.map((n) => new operations.DrainShard(n % 2)),
      fc.nat(120).map((ms) => new operations.CallOff(ms)),
    ),
    fc.nat(400),
  )
  .map((parts) => new Together(...parts));

/** Each operation as often as it is worth. */
const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 4, arbitrary: together },
  { weight: 3, arbitrary: fc.constant(new operations.Reload()) },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom(
        "throws when it is loaded" as const,
        "throws on every message" as const,
      )
      .map((behaviour) => new operations.FailingReload(behaviour)),
  },
  { weight: 2, arbitrary: fc.constant(new operations.Rebalance()) },
  { weight: 2, arbitrary: at.map((n) => new operations.MoveShard(n % 2)) },
  { weight: 1, arbitrary: at.map((n) => new operations.DrainShard(n % 2)) },
  { weight: 2, arbitrary: at.map((n) => new operations.RestartShard(n % 2)) },
  { weight: 2, arbitrary: at.map((n) => new operations.CrashShard(n)) },
  {
    weight: 1,
    arbitrary: fc.nat(120).map((ms) => new operations.CallOff(ms)),
  },
  { weight: 2, arbitrary: fc.constant(new operations.RenewCertificate()) },
  { weight: 2, arbitrary: fc.constant(new operations.LoseNats()) },
  { weight: 2, arbitrary: fc.constant(new operations.RegainNats()) },
  { weight: 5, arbitrary: fc.constant(new successions.Upgrade()) },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom(
        "throws when it is loaded" as const,
        "dies while it takes over" as const,
      )
      .map((behaviour) => new successions.FailingUpgrade(behaviour)),
  },
  {
    weight: 1,
    arbitrary: fc.nat(600).map((ms) => new successions.KillNew(ms)),
  },
  {
    weight: 1,
    arbitrary: fc.nat(20).map((ms) => new successions.KillOld(ms)),
  },
  { weight: 1, arbitrary: fc.constant(new successions.UpgradeUnderResets()) },
  { weight: 1, arbitrary: fc.constant(new successions.KillPredecessor()) },
  { weight: 1, arbitrary: fc.constant(new successions.KillCurrent()) },
);

/** What happens to a server in its life, one thing after the other. */
export class History {
  readonly isSecure: boolean;
  readonly isClustered: boolean;
  readonly operations: readonly Operation[];

  constructor(
    isSecure: boolean,
    isClustered: boolean,
    all: readonly Operation[],
  ) {
    this.isSecure = isSecure;
    this.isClustered = isClustered;
    this.operations = all;
  }

  toString(): string {
    const over = this.isSecure ? " over TLS" : "";
    const nats = this.isClustered ? ", with NATS" : "";
    return [
      `a server${over}${nats}, and then:`,
      ...this.operations.map(String),
    ].join("\n  - ");
  }

  [fc.toStringMethod](): string {
    return this.toString();
  }
}

export const histories: fc.Arbitrary<History> = fc
  .tuple(
    fc.nat(4).map((n) => n === 4),
    fc.nat(3).map((n) => n === 3),
    fc.array(operation, {
      minLength: 1,
      maxLength: MOST_OPERATIONS,
      size: "max",
    }),
  )
  .map((parts) => new History(...parts));

/** What was done in histories, and to how many. */
export class Deeds {
  histories = 0;
  operations = 0;
  generations = 0;
  said = 0;
  opened = 0;
  readonly kinds = new Map<string, number>();

  add(scene: Scene, done: readonly Operation[]): void {
    this.histories++;
    this.operations += done.length;
    this.generations += scene.generations.count;
    for (const { kind } of done)
      this.kinds.set(kind, (this.kinds.get(kind) ?? 0) + 1);
    for (const { answered, opened } of scene.speakers) {
      this.said += answered;
      this.opened += opened;
    }
  }

  toString(): string {
    const kinds = [...this.kinds]
      .toSorted(([, a], [, b]) => b - a)
      .map(([kind, times]) => `${times} × ${kind}`);
    return [
      `${this.histories} histories with ${this.operations} operations in ${this.generations} processes, ${this.said} messages answered`,
      ...kinds,
    ].join("\n  ");
  }
}

/**
 * Plays a history on the real program, from its start to SIGTERM.
 *
 * @throws Error with whatever was not as it should be, and how far it had come.
 */
export async function play(
  history: History,
  size: Pick<
    Circumstances,
    "speakers" | "compressing" | "intervalMs" | "flags"
  >,
  deeds: Deeds,
): Promise<void> {
  const { isSecure, isClustered } = history;
  const scene = await Scene.open({ ...size, isSecure, isClustered });
  const done: Operation[] = [];
  let now = "at its beginning";
  try {
    for (const each of history.operations) {
      if (!each.isPossible(scene)) continue;
      now = `while ${String(each)}`;
      const { permit, check } = await each.run(scene);
      now = `after ${String(each)}`;
      const standing = await scene.settle();
      check?.(scene.judge(permit), standing);
      scene.judge(permit);
      done.push(each);
    }
    now = "at its end";
    await end(scene);
    deeds.add(scene, done);
  } catch (cause) {
    const story = [...done.map(String), now].join("\n  ");
    throw new Error(
      `${(cause as Error).message}\n\n  ${story}\n\n${scene.generations.lastWords}`,
      { cause },
    );
  } finally {
    await scene.dispose();
  }
}

/** SIGTERM: everyone is told, every process ends with status 0, and none is left. */
async function end(scene: Scene): Promise<void> {
  const { generations, speakers } = scene;
  scene.complain();
  for (const speaker of speakers) speaker.stay();
  generations.signal(generations.current, "SIGTERM");
  await until("no process is left", () => generations.isGone, END_MS);
  scene.complain();
  await until("everyone has seen the end", () =>
    speakers.every(({ ends }) => ends.length > 0),
  );
  scene.judge((_, { code }) => code === GOING_AWAY);
  addUp(scene);
}
