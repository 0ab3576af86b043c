import { isDeepStrictEqual } from "node:util";
import {
  type ActorRefFrom,
  type AnyActorRef,
  type AnyMachineSnapshot,
  type AnyStateMachine,
  createActor,
  type EventObject,
  type Snapshot,
} from "xstate";
import {
  isCount,
  isListOf,
  isRecord,
  isText,
  hasShape,
} from "../protocol/shape.ts";

/** An event that the machine has sent with a delay, and what is left of that. */
interface Delayed {
  readonly id: string;
  readonly event: EventObject;
  /** Ids from the root down to the actor that sent it, and to the one that gets it. */
  readonly source: readonly string[];
  readonly target: readonly string[];
  readonly leftMs: number;
}

/** What travels of a connection and its actor, as plain data. */
export interface PersistedActor {
  readonly sluice: typeof KIND;
  /** The machine's id: another machine's state is of no use. */
  readonly machine: string;
  readonly data: unknown;
  readonly snapshot: Snapshot<unknown>;
  readonly delayed: readonly Delayed[];
}

/** Says what it is, also to a version of the handlers that has no machine. */
const KIND = "actor";
/** Actors within actors, down to here. */
const DEEPEST = 16;

/**
 * Packs an actor: its persisted snapshot, and what is left of each delay, which
 * XState does not keep.
 *
 * @throws Error when XState cannot persist it, as of a child without a name.
 */
export function persist(
  actor: ActorRefFrom<AnyStateMachine>,
  machine: string,
  data: unknown,
): PersistedActor {
  const now = Date.now();
  const scheduled = Object.values(actor.system.getSnapshot()._scheduledEvents);
  return {
    sluice: KIND,
    machine,
    data,
    snapshot: actor.getPersistedSnapshot(),
    delayed: scheduled.map(
      ({ id, event, source, target, startedAt, delay }): Delayed => ({
        id,
        event,
        source: pathOf(source),
        target: pathOf(target),
        // The wall clock may have been put back meanwhile, or forward.
        leftMs: Math.min(delay, Math.max(0, startedAt + delay - now)),
      }),
    ),
  };
}

const isPath = isListOf(isText());
const isPersistedActor = hasShape({
  sluice: (value) => value === KIND,
  machine: isText(),
  snapshot: hasShape({ children: isRecord, context: isRecord }),
  delayed: isListOf(
    hasShape({
      id: isText(),
      event: hasShape({ type: isText() }),
      source: isPath,
      target: isPath,
      leftMs: (value) => isCount(Math.round(value as number)),
    }),
  ),
});

/** Whether it is what {@link persist} makes, of whatever machine and version. */
export function readPersisted(value: unknown): PersistedActor | undefined {
  return isPersistedActor(value) ? (value as PersistedActor) : undefined;
}

/**
 * An actor that goes on where another one was, not yet started.
 *
 * @returns `undefined` when the machine does not know the state, an actor that
 *   ran in it, or is another machine: nothing may run on that
 */
export function restore(
  machine: AnyStateMachine,
  { machine: id, snapshot }: PersistedActor,
): ActorRefFrom<AnyStateMachine> | undefined {
  if (id !== machine.id) return undefined;
  const { value, children } = snapshot as AnyMachineSnapshot;
  try {
    const { value: resolved, status } = machine.resolveState({
      value,
      context: {},
    });
    // Of a state that has got states within, nobody knows which of them it is.
    if (status !== "active" || !isDeepStrictEqual(resolved, value))
      return undefined;
    const actor = createActor(machine, { snapshot });
    const restored = actor.getSnapshot() as AnyMachineSnapshot;
    const isWhole = Object.keys(children).every((child) => {
      const { status: now } = restored.children[child]?.getSnapshot() ?? {};
      return now !== undefined && now !== "error";
    });
    return restored.status === "active" && isWhole ? actor : undefined;
  } catch {
    // XState says so of states that it does not find.
    return undefined;
  }
}

/** Sets the delays of a started actor for what was left of them. */
export function resumeDelays(
  actor: ActorRefFrom<AnyStateMachine>,
  { delayed }: PersistedActor,
): void {
  for (const { id, event, source, target, leftMs } of delayed) {
    const from = actorAt(actor, source);
    const to = actorAt(actor, target);
    if (from !== undefined && to !== undefined)
      actor.system.scheduler.schedule(from, to, event, leftMs, id);
  }
}

function pathOf(actor: AnyActorRef): string[] {
  const path: string[] = [];
  let at = actor;
  while (at._parent !== undefined && path.length < DEEPEST) {
    path.unshift(at.id);
    at = at._parent;
  }
  return path;
}

function actorAt(
  root: AnyActorRef,
  path: readonly string[],
): AnyActorRef | undefined {
  let at: AnyActorRef | undefined = root;
  for (const id of path) {
    const { children } = (at?.getSnapshot() ?? {}) as {
      readonly children?: Readonly<Record<string, AnyActorRef | undefined>>;
    };
    at = children?.[id];
  }
  return at;
}
