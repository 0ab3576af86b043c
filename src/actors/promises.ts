import type { AnyActorLogic, AnyActorRef } from "xstate";

const known = new WeakMap<AnyActorLogic, boolean>();

type Children = Readonly<Record<string, AnyActorRef | undefined>>;

/** Whether a promise is under way among these actors, or those that they run. */
export function hasPromiseUnderWay(children: Children): boolean {
  for (const id in children) {
    const child = children[id];
    if (child === undefined) continue;
    const snapshot = child.getSnapshot() as {
      readonly status: string;
      readonly children?: Children;
    };
    if (snapshot.status !== "active") continue;
    if (isPromise(child)) return true;
    const { children: theirs } = snapshot;
    if (theirs !== undefined && hasPromiseUnderWay(theirs)) return true;
  }
  return false;
}

/**
 * XState does not tell promises from callbacks. What tells them apart is that
 * only a promise takes a result.
 */
function isPromise(child: AnyActorRef): boolean {
  const { logic } = child as { logic?: AnyActorLogic };
  if (logic === undefined) return false;
  let settles = known.get(logic);
  if (settles === undefined) {
    settles = settlesOnce(logic);
    known.set(logic, settles);
  }
  return settles;
}

function settlesOnce(logic: AnyActorLogic): boolean {
  const active = { status: "active", output: undefined, error: undefined };
  const settled = { type: "xstate.promise.resolve", data: active };
  try {
    const after = logic.transition(active, settled, {} as never) as {
      readonly status?: unknown;
      readonly output?: unknown;
    };
    return after.status === "done" && after.output === active;
  } catch {
    // A machine or a callback, which needs more than that to go on.
    return false;
  }
}
