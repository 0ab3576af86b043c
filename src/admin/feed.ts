import { connectionMachine } from "../machines/connection-machine.ts";
import { SluiceError } from "../errors.ts";
import type { FollowedTransition } from "../protocol/inspection-messages.ts";

/** What is used of `@statelyai/inspect`, which is installed only by those who want it. */
interface StatelyInspector {
  actor(
    id: string,
    snapshot: { status: string; value: unknown; context: unknown },
    info: { definition: string },
  ): void;
  event(id: string, event: { type: string }): void;
  snapshot(
    id: string,
    snapshot: { status: string; value: unknown; context: unknown },
    info: { event: { type: string } },
  ): void;
  stop(): void;
}

/**
 * Feeds followed connections, and only those, to an XState inspector over a
 * WebSocket. Each is an actor whose id begins with the server's instance and
 * its shard, so that none is taken for another.
 */
export class Feed {
  readonly #inspector: StatelyInspector;
  readonly #instance: string;
  /** Ids by number: one that moves keeps the id that it was announced with. */
  readonly #known = new Map<number, string>();

  constructor(inspector: StatelyInspector, instance: string) {
    this.#inspector = inspector;
    this.#instance = instance;
  }

  begin({
    number,
    shard,
    state,
  }: {
    number: number;
    shard: number;
    state: string;
  }): void {
    if (this.#known.has(number)) return;
    const id = `${this.#instance}:shard-${shard}:c${number}`;
    this.#known.set(number, id);
    this.#inspector.actor(id, toSnapshot(state, false), {
      definition: JSON.stringify(connectionMachine.definition),
    });
  }

  transition({
    number,
    event,
    to,
    isFinal,
  }: Pick<FollowedTransition, "number" | "event" | "to" | "isFinal">): void {
    const id = this.#known.get(number);
    if (id === undefined) return;
    this.#inspector.event(id, { type: event });
    this.#inspector.snapshot(id, toSnapshot(to, isFinal), {
      event: { type: event },
    });
  }

  end(number: number): void {
    this.#known.delete(number);
  }

  stop(): void {
    this.#inspector.stop();
  }
}

function toSnapshot(
  state: string,
  isFinal: boolean,
): { status: string; value: unknown; context: unknown } {
  // `open.healthy` is `{ open: "healthy" }` to XState.
  const value = state
    .split(".")
    .reduceRight<unknown>(
      (child, name) => (child === undefined ? name : { [name]: child }),
      undefined,
    );
  return { status: isFinal ? "done" : "active", value, context: {} };
}

/**
 * Connects to an XState inspector.
 *
 * @param url - Of its WebSocket.
 * @throws SluiceError `ERR_SLUICE_ADMIN` when `@statelyai/inspect` is not installed.
 */
export async function openFeed(url: string, instance: string): Promise<Feed> {
  const name = "@statelyai/inspect";
  let module: {
    createWebSocketInspector(options: { url: string }): StatelyInspector;
  };
  try {
    module = (await import(name)) as typeof module;
  } catch (cause) {
    throw new SluiceError(
      "ERR_SLUICE_ADMIN",
      `adminFeed needs the package ${name}, which is not installed: npm install ${name}`,
      { cause },
    );
  }
  return new Feed(module.createWebSocketInspector({ url }), instance);
}
