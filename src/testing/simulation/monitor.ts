import { isDeepStrictEqual } from "node:util";
import type {
  Connection,
  ConnectionEnd,
  Handlers,
  HandlerShard,
  SendStatus,
} from "../../handlers.ts";
import { type HookName, hookNames } from "../../protocol/hook-names.ts";
import type {
  ConnectionRecord,
  HookCall,
  PublicationRecord,
} from "./handler-records.ts";
import type { MemoryHandle } from "./memory-socket.ts";
import type { SimClient } from "./sim-client.ts";
import { currentThread, type SimThread } from "./sim-thread.ts";

/** Connections of others are told by their service as well: each numbers its own. */
const FIRST = "server 1";

/**
 * Watches handlers without changing what they do: which hooks ran when, what
 * was sent, subscribed and published. The laws are held against it.
 */
export class Monitor {
  readonly records = new Map<string, ConnectionRecord>();
  readonly publications: PublicationRecord[] = [];
  /** Faults that can only be seen at the moment they happen. */
  readonly faults: { readonly law: string; readonly what: string }[] = [];
  /** Threads in which somebody has watched a topic. */
  readonly watching = new Set<SimThread>();
  readonly #clientOf: (handle: MemoryHandle) => SimClient | undefined;
  readonly #now: () => number;
  readonly #watched = new WeakSet<object>();
  /** Those that live in each thread. */
  readonly #living = new Map<SimThread, Map<Connection, ConnectionRecord>>();
  onMessage: ((client: string | undefined, data: Buffer) => void) | undefined;

  constructor(
    clientOf: (handle: MemoryHandle) => SimClient | undefined,
    now: () => number,
  ) {
    this.#clientOf = clientOf;
    this.#now = now;
  }

  /** The same handlers, watched. */
  watch(handlers: Handlers): Handlers {
    // What is no hook, such as the actors of a machine, is found behind it.
    const watched = Object.create(handlers) as Record<string, Run>;
    for (const hook of hookNames) {
      // Those of a class are not its object's own.
      const run = (handlers[hook] ?? ownHooks[hook]) as Run | undefined;
      if (run !== undefined)
        watched[hook] = this.#watchHook(handlers, hook, run);
    }
    return watched;
  }

  /** A connection is given to another thread: nothing reaches it until that has it. */
  departs(client: SimClient): void {
    for (const record of this.records.values())
      if (record.client === client)
        record.departures.push({ at: this.#now(), thread: currentThread() });
  }

  /** Something has happened in this thread: what do its connections hold by now? */
  measure(thread: SimThread): void {
    const living = this.#living.get(thread);
    if (living === undefined) return;
    for (const [connection, record] of living) {
      const { bufferedBytes, inbox, assembly, unread } =
        connection as Connection & Holding;
      const waiting =
        inbox.heldBytes +
        (assembly?.heldBytes ?? 0) +
        (unread?.buffer.byteLength ?? 0);
      if (bufferedBytes > record.largestBuffered)
        record.largestBuffered = bufferedBytes;
      if (waiting > record.largestWaiting) record.largestWaiting = waiting;
      if (record.end !== undefined || connection.state === "terminated")
        living.delete(connection);
    }
  }

  /** Hooks that have not ended. */
  *running(): Iterable<{ record: ConnectionRecord; call: HookCall }> {
    for (const record of this.records.values())
      for (const call of record.calls)
        if (call.endedAt === undefined) yield { record, call };
  }

  #watchHook(handlers: Handlers, hook: HookName, run: Run): Run {
    if (hook === "started")
      return (shard) =>
        run.call(handlers, this.#watchShard(shard as HandlerShard));
    if (hook === "authorize" || hook === "request")
      return (...given) => run.apply(handlers, given);
    return (...given) => {
      const connection = given[0] as Connection;
      const record = this.#recordOf(connection);
      this.#before(record, hook, given);
      const call: HookCall = {
        hook,
        thread: currentThread(),
        begunAt: this.#now(),
        endedAt: undefined,
        error: undefined,
      };
      record.calls.push(call);
      const settle = (error?: { thrown: unknown }): void => {
        call.endedAt = this.#now();
        call.error = error;
      };
      try {
        const result = run.apply(handlers, given);
        if (isThenable(result))
          return result.then(
            (value) => {
              settle();
              return value;
            },
            (thrown: unknown) => {
              settle({ thrown });
              throw thrown;
            },
          );
        settle();
        if (hook === "suspend") record.inTransit = { state: copyOf(result) };
        return result;
      } catch (thrown) {
        settle({ thrown });
        throw thrown;
      }
    };
  }

  #before(
    record: ConnectionRecord,
    hook: HookName,
    given: readonly unknown[],
  ): void {
    if (hook === "message") {
      this.onMessage?.(record.client?.name, given[1] as Buffer);
      record.given.push({
        data: Buffer.from(given[1] as Buffer),
        isBinary: given[2] as boolean,
      });
    }
    if (hook === "closed") {
      record.end = { ...(given[1] as ConnectionEnd), at: this.#now() };
      const { messagesIn, messagesOut, droppedMessages } = given[0] as Counting;
      record.counted = {
        in: messagesIn,
        out: messagesOut,
        dropped: droppedMessages,
      };
    }
    if (hook !== "resume") return;
    const { inTransit } = record;
    record.inTransit = undefined;
    if (
      inTransit !== undefined &&
      !isDeepStrictEqual(inTransit.state, given[1])
    )
      this.faults.push({
        law: "what suspend returned is what resume is given",
        what: `${record.id} suspended ${show(inTransit.state)} and resumed with ${show(given[1])}`,
      });
  }

  #recordOf(connection: Connection): ConnectionRecord {
    const lineage = currentThread()?.home?.lineage ?? FIRST;
    const id =
      lineage === FIRST ? connection.id : `${connection.id} of ${lineage}`;
    let record = this.records.get(id);
    if (record === undefined) {
      const { handle } = (
        connection as unknown as { transport: { handle?: MemoryHandle } }
      ).transport;
      record = {
        id,
        client: handle === undefined ? undefined : this.#clientOf(handle),
        calls: [],
        given: [],
        sent: [],
        subscriptions: [],
        waits: [],
        counted: undefined,
        end: undefined,
        departures: [],
        inTransit: undefined,
        wasDismissed: false,
        largestBuffered: 0,
        largestWaiting: 0,
        largestMessage: 0,
      };
      this.records.set(id, record);
    }
    if (!this.#watched.has(connection)) {
      this.#watched.add(connection);
      this.#watchConnection(connection, record);
      this.#nowLivesHere(connection, record);
    }
    return record;
  }

  #nowLivesHere(connection: Connection, record: ConnectionRecord): void {
    for (const living of this.#living.values())
      for (const [before, its] of living)
        if (its === record) living.delete(before);
    const thread = currentThread();
    if (thread === undefined) return;
    const living = this.#living.get(thread) ?? new Map();
    this.#living.set(thread, living.set(connection, record));
  }

  /** Its own methods stand before those of its class. */
  #watchConnection(connection: Connection, record: ConnectionRecord): void {
    const send = connection.send.bind(connection);
    const subscribe = connection.subscribe.bind(connection);
    const unsubscribe = connection.unsubscribe.bind(connection);
    const publish = connection.publish.bind(connection);
    const close = connection.close.bind(connection);
    const drained = connection.drained.bind(connection);
    const overrides = {
      close: (...given: Parameters<Connection["close"]>): void => {
        record.wasDismissed = true;
        close(...given);
      },
      drained: async (): Promise<void> => {
        const wait = { thread: currentThread(), isOver: false };
        record.waits.push(wait);
        await drained();
        wait.isOver = true;
      },
      send: (...given: Parameters<Connection["send"]>): SendStatus => {
        const hasEnded = record.end !== undefined;
        const status = send(...given);
        const data = bytesOf(given[0]);
        if (status !== "closed") {
          record.sent.push({ data, at: this.#now() });
          if (hasEnded)
            this.faults.push({
              law: "after closed, send says so",
              what: `${record.id} took ${show(given[0])} after its end`,
            });
        }
        record.largestMessage = Math.max(record.largestMessage, data.length);
        record.largestBuffered = Math.max(
          record.largestBuffered,
          connection.bufferedBytes,
        );
        return status;
      },
      subscribe: (...given: Parameters<Connection["subscribe"]>): boolean => {
        const hasBegun = subscribe(...given);
        const [topic, options] = given;
        if (hasBegun)
          record.subscriptions.push({
            topic,
            from: this.#now(),
            until: undefined,
            mayDrop: options?.whenCongested === "drop",
          });
        return hasBegun;
      },
      unsubscribe: (topic: string): boolean => {
        for (const each of record.subscriptions)
          if (each.topic === topic) each.until ??= this.#now();
        return unsubscribe(topic);
      },
      publish: (...given: Parameters<Connection["publish"]>) => {
        const status = publish(...given);
        if (status !== "closed" && status !== "refused")
          this.#published(given[0], given[1], record.id);
        return status;
      },
    };
    for (const [name, value] of Object.entries(overrides))
      Object.defineProperty(connection, name, { value, configurable: true });
  }

  #watchShard(shard: HandlerShard): HandlerShard {
    const publish: HandlerShard["publish"] = (topic, data, options) => {
      const status = shard.publish(topic, data, options);
      if (status !== "refused")
        this.#published(topic, data, currentThread()?.name ?? "nobody");
      return status;
    };
    return {
      index: shard.index,
      publish,
      published: () => shard.published(),
      subscribers: (topic) => shard.subscribers(topic),
      watch: (topic, listener) => {
        const thread = currentThread();
        if (thread !== undefined) this.watching.add(thread);
        return shard.watch(topic, listener);
      },
    };
  }

  #published(
    topic: string,
    data: string | ArrayBuffer | ArrayBufferView,
    publisher: string,
  ): void {
    this.publications.push({
      topic,
      data: bytesOf(data),
      publisher,
      thread: currentThread(),
      at: this.#now(),
    });
  }
}

type Run = (...given: unknown[]) => unknown;

/** When a connection ends is known by its last hook, also of handlers that have none. */
const ownHooks: Partial<Record<HookName, Run>> = { closed: () => {} };

/** What a connection counts besides what handlers see of it. */
interface Counting {
  readonly messagesIn: number;
  readonly messagesOut: number;
  readonly droppedMessages: number;
}

/** What a connection keeps of what it has read. */
interface Holding {
  readonly inbox: { readonly heldBytes: number };
  readonly assembly: { readonly heldBytes: number } | null;
  readonly unread: { readonly buffer: { readonly byteLength: number } } | null;
}

function isThenable(value: unknown): value is Promise<unknown> {
  return (
    typeof value === "object" &&
    value !== null &&
    typeof (value as { then?: unknown }).then === "function"
  );
}

function bytesOf(data: string | ArrayBuffer | ArrayBufferView): Buffer {
  if (typeof data === "string") return Buffer.from(data);
  return ArrayBuffer.isView(data)
    ? Buffer.from(Buffer.from(data.buffer, data.byteOffset, data.byteLength))
    : Buffer.from(Buffer.from(data));
}

/** As it is at this moment; the law compares it with what comes out. */
function copyOf(value: unknown): unknown {
  try {
    return structuredClone(value);
  } catch {
    // What cannot be cloned does not travel, and the connection is told so.
    return value;
  }
}

const LEGIBLE = 80;

function show(value: unknown): string {
  const text =
    typeof value === "string"
      ? value
      : (JSON.stringify(value) ?? String(value));
  return text.length <= LEGIBLE ? text : `${text.slice(0, LEGIBLE)}…`;
}
