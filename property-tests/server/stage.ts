import { once } from "node:events";
import { createServer, type Server } from "node:net";
import { MessageChannel, type MessagePort } from "node:worker_threads";
import { resolveConfig } from "../../src/config.ts";
import { checkHandles } from "../../src/main/accept/check-handles.ts";
import { Handoff } from "../../src/main/shards/handoff.ts";
import { connectionTable } from "../../src/machines/connection-table.ts";
import { monotonicNow } from "../../src/protocol/clock.ts";
import type {
  MainMessage,
  ShardMessage,
  ShardTask,
} from "../../src/protocol/messages.ts";
import { ShardCounters } from "../../src/protocol/shard-counters.ts";
import {
  acceptHandles,
  type SocketHandle,
} from "../../src/protocol/socket-handle.ts";
import { MemoryBudget } from "../../src/protocol/memory-budget.ts";
import { TopicTable } from "../../src/topics/topic-table.ts";
import runShard from "../../src/workers/run-shard.ts";
import { RawClient } from "../../test/support/raw-client.ts";
import { SERVICE } from "../../test/support/server.ts";
import { within } from "../../test/support/within.ts";

const CLOSE_DEADLINE_MS = 150;
/** Where the states are in which the peer's close frame is awaited. */
const awaiting = connectionTable.states.flatMap(({ name }, at) =>
  /^draining\.(?:flushing|awaiting)/.test(name) ? [at] : [],
);

/** A client whose socket main has accepted, and has done nothing with. */
interface Waiting {
  readonly client: RawClient;
  /** Hands it to the shard once, or destroys it, as main does once it has told the shard to end. */
  readonly handOver: () => void;
}

/**
 * One shard in this thread, with a main thread whose every move is a test's: so
 * that what arrives at the shard, and in which order, is decided by no chance.
 */
export class Stage {
  readonly counters = new ShardCounters();
  /** What the shard has said. */
  readonly said: ShardMessage[] = [];
  /** Resolves when the shard has ended. */
  readonly ended: Promise<unknown>;
  readonly #listener: Server;
  readonly #port: MessagePort;
  readonly #handoff: Handoff;
  readonly #accepted: SocketHandle[] = [];
  #count = 0;
  #isShuttingDown = false;
  #isEnding = false;

  private constructor(listener: Server, handleFault: string | undefined) {
    this.#listener = listener;
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    port1.on("message", (message: ShardMessage) => this.#take(message));
    this.#handoff = new Handoff(port1, () => this.counters.add("abandoned"));
    const task: ShardTask = {
      shard: 0,
      instance: "stage",
      port: port2,
      counters: this.counters.buffer,
      config: resolveConfig({
        handlers: SERVICE,
        origins: "any",
        closeRate: 500,
        closeDeadlineMs: CLOSE_DEADLINE_MS,
        heartbeatIntervalMs: 0,
      }),
      topics: TopicTable.create(1, 0).buffer,
      memory: MemoryBudget.create(1).buffer,
      tls: undefined,
      isReady: true,
      forwarded: [],
      moveBlocker: undefined,
      handleFault,
    };
    this.ended = runShard(task);
    acceptHandles(listener, (handle) => this.#accepted.push(handle));
  }

  static async create(): Promise<Stage> {
    const listener = createServer({ pauseOnConnect: true });
    const stage = new Stage(listener, await checkHandles());
    listener.listen(0, "127.0.0.1");
    await once(listener, "listening");
    while (stage.said.length === 0) await turn();
    return stage;
  }

  /** Connects a client; what becomes of its socket is to be said. */
  async connect(): Promise<Waiting> {
    const address = this.#listener.address();
    const port = typeof address === "object" ? (address?.port ?? 0) : 0;
    const client = await RawClient.connect(port, { isCleanedUp: false });
    while (this.#accepted.length === 0) await turn();
    const handle = this.#accepted.shift() as SocketHandle;
    const id = ++this.#count;
    let isHandedOver = false;
    return {
      client,
      handOver: () => {
        if (isHandedOver) return;
        isHandedOver = true;
        if (this.#isShuttingDown) {
          void handle.close();
          return;
        }
        this.counters.add("handed");
        this.#handoff.add({ handle, id });
      },
    };
  }

  get isShuttingDown(): boolean {
    return this.#isShuttingDown;
  }

  /** Sockets that main has handed over and the shard has not taken yet. */
  get inFlight(): number {
    const { counters } = this;
    return counters.get("handed") - counters.get("received");
  }

  /** Connections that have their close frame from us, and are still there. */
  get told(): number {
    const { states } = this.counters;
    return awaiting.reduce((sum, at) => sum + (states[at] ?? 0), 0);
  }

  /** @param isPassing - The broadcast passes the sockets that wait for the end of this turn, which main's never does. */
  shutDown(deadlineMs: number, isPassing = false): void {
    this.#isShuttingDown = true;
    if (!isPassing) this.#handoff.flush();
    this.#post({
      type: "shutdown",
      plan: {
        deadline: monotonicNow() + deadlineMs,
        closeCode: 1001,
        rate: 500,
        retryMinMs: 0,
        retrySpreadMs: "auto",
        shards: 1,
        turn: 0,
      },
    });
  }

  callOff(): void {
    if (this.#isEnding) return;
    this.#isShuttingDown = false;
    this.#post({ type: "call-off", drain: "shutdown" });
  }

  force(): void {
    this.#post({ type: "force" });
  }

  /** Ends the stage; what was handed over and never taken is abandoned, as it is by main. */
  async end(): Promise<void> {
    await within("the shard to end", this.ended, 5_000);
    this.#port.close();
    for (const handle of this.#accepted) void handle.close();
    this.#listener.close();
    this.counters.bookDeath();
  }

  #take(message: ShardMessage): void {
    this.said.push(message);
    if (message.type !== "emptied" || !this.#isShuttingDown) return;
    this.#isEnding = true;
    this.#post({ type: "end" });
  }

  #post(message: MainMessage): void {
    this.#port.postMessage(message);
  }
}

/** Lets the event loop turn once: whatever has arrived is taken. */
export async function turn(): Promise<void> {
  await new Promise(setImmediate);
}
