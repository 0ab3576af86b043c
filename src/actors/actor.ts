import {
  type ActorRefFrom,
  type AnyActorRef,
  type AnyMachineSnapshot,
  type AnyStateMachine,
  createActor,
  type EventObject,
} from "xstate";
import type { Connection } from "../handlers.ts";
import type { ActorHost } from "../protocol/actor-host.ts";
import type { HookName } from "../protocol/hook-names.ts";
import { CLOSE_CODE } from "../rfc6455.ts";
import {
  type PersistedActor,
  persist,
  resumeDelays,
  restore,
} from "./persisted-actor.ts";
import type { Group, Population } from "./population.ts";
import { hasPromiseUnderWay } from "./promises.ts";
import { nameOf } from "./state-names.ts";

/** What all actors of a shard share. */
export interface ActorsShared {
  readonly machine: AnyStateMachine;
  readonly population: Population;
  /** Undefined where nobody has attached a host. */
  readonly host: ActorHost | undefined;
  /** By actor: the connection that an action is about. */
  readonly owners: WeakMap<AnyActorRef, ConnectionActor>;
}

/** The actor of one connection, in this thread. */
export class ConnectionActor {
  readonly connection: Connection;
  readonly #shared: ActorsShared;
  readonly #actor: ActorRefFrom<AnyStateMachine>;
  /** What the machine was last told through: the hook that a later failure belongs to. */
  #hook: HookName = "opened";
  /** Hooks that are feeding it at this moment: what fails in them they throw. */
  #feeding = 0;
  #failure: { readonly error: unknown } | undefined;
  #group: Group | undefined;
  #value: unknown;
  /** Wakes those who wait for it to come to rest. */
  #rested: (() => void)[] = [];
  #isCongested = false;
  #unfollow: (() => void) | undefined;

  constructor(
    shared: ActorsShared,
    connection: Connection,
    actor: ActorRefFrom<AnyStateMachine>,
  ) {
    this.connection = connection;
    this.#shared = shared;
    this.#actor = actor;
    shared.owners.set(actor, this);
    actor.subscribe({
      next: (snapshot) => this.#moved(snapshot),
      error: (error) => this.#failed(error),
      complete: () => this.#completed(),
    });
  }

  /** A new one, not yet started. */
  static begin(
    shared: ActorsShared,
    connection: Connection,
    input: unknown,
  ): ConnectionActor {
    const actor = createActor(shared.machine, { input });
    return new ConnectionActor(shared, connection, actor);
  }

  /** The one that goes on where another one was, not yet started; undefined when the machine does not know that place. */
  static continue(
    shared: ActorsShared,
    connection: Connection,
    persisted: PersistedActor,
  ): ConnectionActor | undefined {
    const actor = restore(shared.machine, persisted);
    return actor && new ConnectionActor(shared, connection, actor);
  }

  /** The name of the state that it is in; undefined when it has ended. */
  get state(): string | undefined {
    return this.#group?.name;
  }

  get #snapshot(): AnyMachineSnapshot {
    return this.#actor.getSnapshot() as AnyMachineSnapshot;
  }

  /** It owes something: it is in a state tagged `busy`, or a promise that it has invoked is under way. */
  get #isBusy(): boolean {
    const { status, children } = this.#snapshot;
    if (status !== "active") return false;
    return this.#snapshot.hasTag("busy") || hasPromiseUnderWay(children);
  }

  /** @throws what the machine's first actions throw */
  start(hook: HookName, persisted?: PersistedActor): void {
    this.#feed(hook, () => {
      this.#actor.start();
      if (persisted !== undefined && this.#snapshot.status === "active")
        resumeDelays(this.#actor, persisted);
      this.follow();
    });
  }

  /** @throws what the machine throws on it */
  tell(hook: HookName, event: EventObject): void {
    if (this.#snapshot.status === "active")
      this.#feed(hook, () => this.#actor.send(event));
  }

  /** Resolves when it owes nothing any more; undefined when it does not now. */
  atRest(): Promise<void> | undefined {
    if (!this.#isBusy) return undefined;
    return this.#untilRest();
  }

  async #untilRest(): Promise<void> {
    // It may be busy again before who waits has heard of it.
    while (this.#isBusy)
      await new Promise<void>((resolve) => {
        this.#rested.push(resolve);
      });
  }

  /**
   * Takes it down, to go on elsewhere or here.
   *
   * @throws Error when it cannot be persisted; it goes on then
   */
  persist(data: unknown): PersistedActor | undefined {
    if (this.#snapshot.status !== "active") return undefined;
    const persisted = persist(this.#actor, this.#shared.machine.id, data);
    this.stop();
    return persisted;
  }

  /** Ends it where it is, with what it has invoked and its delays. */
  stop(): void {
    this.#left();
    this.#actor.stop();
  }

  /** What it has sent is more than its client has read: it hears when that is over. */
  congested(): void {
    if (this.#isCongested) return;
    this.#isCongested = true;
    void this.connection.drained().then(() => {
      this.#isCongested = false;
      // Outside of any hook: what fails now is told to the host.
      this.#hook = "message";
      if (this.#snapshot.status === "active")
        this.#actor.send({ type: "drained" });
    });
  }

  /** Begins to tell each transition, or ceases to, as the host wants it. */
  follow(): void {
    const { host } = this.#shared;
    this.#unfollow?.();
    this.#unfollow = undefined;
    if (host?.isFollowed(this.connection) !== true) return;
    const actions: string[] = [];
    let before = nameOf(this.#snapshot.value);
    let since = performance.now();
    const following = this.#actor.system.inspect((seen) => {
      if (seen.actorRef !== this.#actor) return;
      if (seen.type === "@xstate.action") actions.push(seen.action.type);
      if (seen.type !== "@xstate.snapshot") return;
      const now = performance.now();
      const to = nameOf((seen.snapshot as AnyMachineSnapshot).value);
      host.followed(this.connection, {
        event: seen.event.type,
        from: before,
        to,
        actions: actions.splice(0),
        spentMs: now - since,
      });
      if (to !== before) since = now;
      before = to;
    });
    this.#unfollow = () => following.unsubscribe();
  }

  #feed(hook: HookName, act: () => void): void {
    this.#hook = hook;
    this.#feeding++;
    try {
      act();
    } finally {
      this.#feeding--;
    }
    const failure = this.#failure;
    if (failure === undefined || this.#feeding > 0) return;
    this.#failure = undefined;
    throw failure.error;
  }

  /** Called by XState, which would make an uncaught exception of what is thrown here. */
  #moved({ value, status }: AnyMachineSnapshot): void {
    if (status === "active" && value !== this.#value) {
      this.#value = value;
      const { population } = this.#shared;
      const left = this.#group;
      this.#group = population.join(value);
      if (left !== undefined) population.leave(left);
    }
    if (!this.#isBusy) this.#wake();
  }

  #failed(error: unknown): void {
    this.#left();
    // XState leaves what it has invoked running.
    for (const child of Object.values(this.#snapshot.children ?? {}))
      (child as { _stop?(): void } | undefined)?._stop?.();
    this.#report(error);
    this.#wake();
  }

  /** It has reached a final state, or was stopped. */
  #completed(): void {
    this.#left();
    const { status, output } = this.#snapshot;
    if (status === "done")
      try {
        const { code, reason } = closeStatusOf(output);
        this.connection.close(code, reason);
      } catch (error) {
        // The output is no close status that may be sent.
        this.#report(error);
      }
    this.#wake();
  }

  #report(error: unknown): void {
    if (this.#feeding > 0) {
      this.#failure = { error };
      return;
    }
    const { host } = this.#shared;
    if (host === undefined) this.connection.close(CLOSE_CODE.internalError);
    else host.fail(this.connection, this.#hook, error);
  }

  #left(): void {
    this.#unfollow?.();
    this.#unfollow = undefined;
    if (this.#group !== undefined) this.#shared.population.leave(this.#group);
    this.#group = undefined;
  }

  #wake(): void {
    for (const wake of this.#rested.splice(0)) wake();
  }
}

/** The code and reason in a machine's output, where it has them. */
function closeStatusOf(output: unknown): {
  readonly code: number | undefined;
  readonly reason: string | undefined;
} {
  const { code, reason } = (
    typeof output === "object" && output !== null ? output : {}
  ) as { readonly code?: number; readonly reason?: string };
  return { code, reason };
}
