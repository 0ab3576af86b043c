import { hearShard } from "../../main/shards/read-shard-message.ts";
import type { MessagePort } from "node:worker_threads";
import type { ShardThread, ThreadEnd } from "../../main/main-surroundings.ts";
import { monotonicNow } from "../../protocol/clock.ts";
import type {
  MainMessage,
  ShardMessage,
  ShardTask,
  ShardTotals,
} from "../../protocol/messages.ts";
import { SluiceError } from "../../errors.ts";
import { ShardCounters } from "../../protocol/shard-counters.ts";
import { TopicTable } from "../../topics/topic-table.ts";
import { runShardIn } from "../../workers/run-shard.ts";
import type { ShardSurroundings } from "../../workers/shard-surroundings.ts";
import { SimPort } from "./sim-port.ts";
import type { SimThread } from "./sim-thread.ts";

const ENDING = "a thread that is about to end is sent something";
/** For so long it is about to end. */
const ENDING_MS = [5, 120] as const;
/** Until main hears that a thread is gone. */
const END_MS = [0.1, 2] as const;

/** What a simulated thread asks of its world. */
export interface ThreadHost {
  /** The thread has ended, by itself or not: its sockets and ports are closed. */
  threadEnded(thread: SimShardThread): void;
}

/** A shard in a simulated thread: the real one, around which everything else is simulated. */
export class SimShardThread implements ShardThread {
  readonly thread: SimThread;
  readonly shard: number;
  readonly counters: SharedArrayBuffer;
  readonly port: MessagePort;
  readonly ended: Promise<ThreadEnd>;
  end: ThreadEnd | undefined;
  wasKilled = false;
  isEnding = false;
  /** Until then it may take for the shutdown that it was told of last. */
  deadlineAt = Infinity;
  endedAt = Infinity;
  /** It has ended as a shutdown ends it, and was not cut off. */
  hasEndedWell = false;
  /** What its shard had not put back when it ended well, in words. */
  leftBehind: readonly string[] = [];
  /** Topics that it was known to subscribe to when it ended well. */
  topicsLeft = 0;
  readonly #host: ThreadHost;
  readonly #near: SimPort;
  readonly #far: SimPort;
  readonly #end = Promise.withResolvers<ThreadEnd>();

  constructor(
    task: Omit<ShardTask, "port">,
    onMessage: (message: ShardMessage) => void,
    onMalformed: (what: string) => void,
    {
      thread,
      host,
      surroundings,
    }: {
      thread: SimThread;
      host: ThreadHost;
      surroundings: ShardSurroundings;
    },
  ) {
    this.thread = thread;
    this.shard = task.shard;
    this.counters = task.counters;
    this.#host = host;
    const names = [`main<${thread.name}`, `${thread.name}<main`] as const;
    const { port1, port2 } = SimPort.pair(names, thread.draws);
    this.#near = port1;
    this.#far = port2;
    this.port = port1 as unknown as MessagePort;
    this.ended = this.#end.promise;
    hearShard(this.port, onMessage, onMalformed);
    const copy = structuredClone(task);
    thread.fromOutside(
      () =>
        this.#run(
          { ...copy, port: port2 as unknown as MessagePort },
          surroundings,
        ),
      thread.draws.between(...END_MS),
    );
  }

  post(message: MainMessage, transfer: MessagePort[] = []): void {
    if (message.type === "shutdown")
      this.deadlineAt =
        this.thread.now + message.plan.deadline - monotonicNow();
    if (this.isEnding && message.type !== "end" && !this.thread.isDead)
      this.thread.timeline.rare.happened(ENDING);
    this.#near.postMessage(message, transfer);
  }

  letEnd(): void {
    this.isEnding = true;
    const { timeline, draws } = this.thread;
    if (timeline.rare.isDue(ENDING, draws))
      this.#near.slowDown(draws.between(...ENDING_MS));
    this.post({ type: "end" });
  }

  get gone(): Promise<unknown> {
    return this.ended;
  }

  kill(): void {
    this.wasKilled = true;
    this.#stop({
      error: new Error("the thread was ended"),
      wasKilled: true,
      isStuck: false,
    });
  }

  /** A simulated thread always ends when it is killed. */
  giveUp(): ThreadEnd {
    this.kill();
    return this.end as ThreadEnd;
  }

  /** It dies of this error. */
  crash(error: unknown): void {
    this.#stop({ error, wasKilled: false, isStuck: false });
  }

  #run(task: ShardTask, surroundings: ShardSurroundings): void {
    runShardIn(surroundings, task).then(
      ({ failure }: ShardTotals) => {
        this.hasEndedWell = failure === undefined;
        if (this.hasEndedWell) this.#lookBack(task);
        const error = failure && new SluiceError(failure.code, failure.message);
        this.#stop({ error, wasKilled: false, isStuck: false });
      },
      (error: unknown) => this.crash(error),
    );
  }

  /** What main and the other threads see of it is as if nobody had ever been there. */
  #lookBack({ counters: buffer, topics, shard }: ShardTask): void {
    const counters = new ShardCounters(buffer);
    const states = counters.states.reduce((sum, count) => sum + count, 0);
    const gauges = { states, live: counters.live };
    this.leftBehind = Object.entries(gauges)
      .filter(([, count]) => count !== 0)
      .map(([name, count]) => `${count} ${name}`);
    this.topicsLeft = TopicTable.over(topics).sumOf(shard);
  }

  #stop(end: ThreadEnd): void {
    const { thread } = this;
    if (thread.isDead) return;
    this.end = end;
    this.endedAt = thread.now;
    thread.die();
    this.#far.abandon();
    this.#host.threadEnded(this);
    // What it had posted before comes first.
    this.#near.once("close", () => this.#end.resolve(end));
  }
}
