import { SluiceError } from "../errors.ts";
import { describeForeign, sayForeign } from "../foreign-value.ts";
import type { Handlers } from "../handlers.ts";
import type {
  Arrival,
  DrainFilter,
  DrainPlan,
  MainMessage,
  ShardFailure,
  ShardMessage,
  ShardTask,
  ShardTotals,
} from "../protocol/messages.ts";
import { beginBeat } from "./watchdog-beat.ts";
import type { LiveConnection } from "./connection/connection.ts";
import type { DrainId } from "./lifecycle/drains-under-way.ts";
import { Heartbeat } from "./lifecycle/heartbeat.ts";
import { ShardContext } from "./shard-context.ts";
import type { Clock } from "./lifecycle/timer-wheel.ts";
import {
  nodeShardSurroundings,
  type ShardSurroundings,
} from "./shard-surroundings.ts";

/** After the deadline, for the ticks in which the last connections are forced; then looked again as often. */
const END_GRACE_MS = 50;
/** What a thread that cannot begin has printed may take so long to be passed on. */
const LAST_WORDS_MS = 1_000;
/** While output waits for its reader, the deadline is looked at so often. */
const OUTPUT_WAIT_MS = 100;

/**
 * The life of one shard, as one long task: its promise is the shard's
 * lifetime, its value the totals. It ends after a shutdown, when nothing of any
 * connection is left.
 */
export default function runShard(task: ShardTask): Promise<ShardTotals> {
  return runShardIn(nodeShardSurroundings, task);
}

/** The same in surroundings that may be simulated. */
export async function runShardIn(
  surroundings: ShardSurroundings,
  task: ShardTask,
): Promise<ShardTotals> {
  try {
    const handlers = await surroundings.loadHandlers(task.config.handlers);
    return await serveShard(task, handlers, surroundings);
  } catch (error) {
    task.port.close();
    const failure = describeFailure(task.shard, error);
    await surroundings.printed(LAST_WORDS_MS);
    return { shard: task.shard, opened: 0, rejected: 0, failure };
  }
}

/** As plain data: what a module or a hook of the user's throws need not survive a thread's border. */
function describeFailure(shard: number, error: unknown): ShardFailure {
  if (!(error instanceof SluiceError))
    return {
      code: "ERR_SLUICE_SHARD_START",
      message: `shard ${shard} cannot be started: ${sayForeign(error)}`,
      cause: describeForeign(error),
    };
  const { code, message, cause } = error;
  return cause === undefined
    ? { code, message }
    : { code, message, cause: describeForeign(cause) };
}

async function serveShard(
  task: ShardTask,
  handlers: Handlers,
  surroundings: ShardSurroundings,
): Promise<ShardTotals> {
  const { port } = task;
  const { clock } = surroundings;
  const post = (message: ShardMessage): void => port.postMessage(message);
  const context = new ShardContext(task, handlers, surroundings, post, {
    post: (message, handle) =>
      port.postMessage(message, handle === undefined ? [] : [handle]),
    whyNot: task.moveBlocker,
  });
  const heartbeat = new Heartbeat(
    context.registry,
    clock,
    task.config.heartbeatIntervalMs,
  );
  await handlers.started?.(context.topics);
  const beat = beginBeat(context.counters, clock, surroundings.measureLoad());
  const shard = new Shard(context, surroundings, post);
  port.on("message", (message: MainMessage) => shard.take(message));
  post({ type: "ready", moveBlocker: context.moveBlocker });
  await shard.terminated;
  await shard.printed();
  heartbeat.stop();
  beat.stop();
  context.inspection.stop();
  context.holdings.stop();
  context.topics.close();
  port.close();
  return {
    shard: task.shard,
    opened: context.counters.get("opened"),
    rejected: context.counters.get("rejected"),
  };
}

/** Does what main says. */
class Shard {
  readonly #context: ShardContext;
  readonly #surroundings: ShardSurroundings;
  readonly #clock: Clock;
  readonly #post: (message: ShardMessage) => void;
  #deadline: unknown;
  #endBy = 0;
  readonly #ended = Promise.withResolvers<void>();

  constructor(
    context: ShardContext,
    surroundings: ShardSurroundings,
    post: (message: ShardMessage) => void,
  ) {
    this.#context = context;
    this.#surroundings = surroundings;
    this.#clock = surroundings.clock;
    this.#post = post;
  }

  get terminated(): Promise<void> {
    return this.#ended.promise;
  }

  /**
   * What the handlers have printed has to be passed on to main: with the
   * thread, the rest would be lost. The deadline may be moved meanwhile.
   */
  async printed(): Promise<void> {
    for (;;) {
      const leftMs = Math.max(0, this.#endBy - this.#clock.now());
      const isOut = await this.#surroundings.printed(
        Math.min(leftMs, OUTPUT_WAIT_MS),
      );
      if (isOut || leftMs === 0) return;
    }
  }

  take(message: MainMessage): void {
    switch (message.type) {
      case "sockets":
        for (const arrival of message.arrivals) this.#adopt(arrival);
        return undefined;
      case "shutdown":
        return this.#shutDown(message.plan);
      case "drain":
        return this.#context.drains.drain(
          message.drain,
          message.plan,
          (connection) =>
            matches(connection, message.filter, this.#clock.now()),
        );
      case "call-off":
        return this.#callOff(message.drain);
      case "force":
        // What has arrived in time is read before anybody is judged.
        return this.#clock.afterPoll(() => this.#context.drains.force());
      case "end":
        return this.#end();
      case "readiness":
        return this.#context.setReadiness(message.isReady);
      case "admission":
        return this.#context.addressLimit?.answer(
          message.id,
          message.isAdmitted,
        );
      case "tls":
        return this.#reloadTls(message);
      case "inspect":
        return this.#context.inspection.take(message.id, message.request);
      case "introduce":
        return this.#context.topics.connect(message.other);
      case "published":
      case "taken":
      case "count-subscribers":
      case "subscribers":
        return this.#context.topics.take(message);
      case "move":
        return this.#context.mover.start(message);
      case "move-call-off":
        return this.#context.mover.callOff(message.order);
      case "move-in":
        return this.#arrive(message);
      case "landed":
        return this.#context.mover.landed(message.number);
    }
  }

  #adopt(arrival: Arrival): void {
    const connection = this.#context.adopt(arrival);
    // It was on its way between the threads when the shutdown passed it.
    this.#context.drains.arrived(connection);
  }

  #arrive({
    snapshot,
    handle,
  }: Extract<MainMessage, { type: "move-in" }>): void {
    const connection = this.#context.mover.arrive(snapshot, handle);
    this.#context.drains.arrived(connection);
  }

  #shutDown(plan: DrainPlan): void {
    this.#context.mover.callOffAll();
    this.#context.drains.shutDown(plan);
    this.#endBy = plan.deadline;
    // Hooks that hear of the last ends may use what is left of the time, and no more.
    this.#awaitDeadline(Math.max(0, plan.deadline - this.#clock.now()));
    this.#endOnceQuiet();
  }

  #endOnceQuiet(): void {
    void this.#context.quiet().then(() => this.#endWhenEmpty());
  }

  #awaitDeadline(leftMs: number): void {
    this.#clock.clearTimeout(this.#deadline);
    this.#deadline = this.#clock.setTimeout(() => {
      this.#awaitDeadline(0);
      this.#endWhenEmpty();
    }, leftMs + END_GRACE_MS);
  }

  /**
   * Asks main for leave to end. Main may have called the shutdown off already
   * and handed over a socket, which would be lost with the thread.
   */
  #endWhenEmpty(): void {
    if (this.#isEmpty) this.#post({ type: "emptied" });
  }

  #end(): void {
    // Somebody came while the leave was on its way.
    if (!this.#isEmpty) return this.#endOnceQuiet();
    this.#clock.clearTimeout(this.#deadline);
    this.#ended.resolve();
  }

  /** A shutdown is in force, and nobody is left. */
  get #isEmpty(): boolean {
    const { drains, registry, mover } = this.#context;
    return drains.isShuttingDown && registry.size === 0 && mover.inFlight === 0;
  }

  #callOff(id: DrainId): void {
    if (id === "shutdown") this.#clock.clearTimeout(this.#deadline);
    this.#context.drains.callOff(id);
  }

  #reloadTls({ tls }: Extract<MainMessage, { type: "tls" }>): void {
    try {
      this.#context.useTls(tls);
      this.#post({ type: "tls-reloaded", error: undefined });
    } catch (error) {
      this.#post({ type: "tls-reloaded", error: sayForeign(error) });
    }
  }
}

function matches(
  connection: LiveConnection,
  { pathPrefix, olderThanMs }: DrainFilter,
  now: number,
): boolean {
  const isOnPath =
    pathPrefix === undefined || connection.request.path.startsWith(pathPrefix);
  const isOldEnough =
    olderThanMs === undefined || now - connection.openedAt > olderThanMs;
  return isOnPath && isOldEnough;
}
