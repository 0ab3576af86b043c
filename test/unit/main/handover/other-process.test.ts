import { describe, expect, it } from "vitest";
import {
  OtherProcess,
  type ProcessMessage,
} from "../../../../src/main/handover/other-process.ts";
import type { Relay } from "../../../../src/main/handover/relay.ts";
import type {
  ConnectionSnapshot,
  MovingConnection,
} from "../../../../src/protocol/handover-messages.ts";
import type { SocketHandle } from "../../../../src/protocol/socket-handle.ts";

/** A handle that knows whether it was closed. */
class Handle {
  isClosed = false;

  close(): void {
    this.isClosed = true;
  }
}

interface Side {
  readonly process: OtherProcess;
  readonly adopted: number[];
  /** What it has said, and nobody has heard yet. */
  readonly said: {
    message: ProcessMessage;
    handle: SocketHandle | undefined;
  }[];
}

function side(): Side {
  const adopted: number[] = [];
  const said: Side["said"] = [];
  const relay = {
    adopt: ({ snapshot }: MovingConnection) => adopted.push(snapshot.number),
  } as unknown as Relay;
  const channel = {
    send: (
      { sluice: message }: { sluice: ProcessMessage },
      handle: SocketHandle | undefined,
    ) => void said.push({ message, handle }),
  };
  return {
    process: new OtherProcess(channel, relay, () => undefined),
    adopted,
    said,
  };
}

/** The next message goes over. */
function pass(from: Side, to: Side): void {
  const next = from.said.shift();
  if (next === undefined) throw new Error("nothing was said");
  to.process.take(next.message, next.handle);
}

/** Forwards one connection, as far as so many messages. */
function forwarded(messages: number) {
  const here = side();
  const there = side();
  const handle = new Handle();
  const settled: boolean[] = [];
  here.process.forward(
    {
      snapshot: { number: 7 } as ConnectionSnapshot,
      handle: handle as unknown as SocketHandle,
    },
    (isTaken) => settled.push(isTaken),
  );
  const steps = [
    () => pass(here, there),
    () => pass(there, here),
    () => pass(here, there),
  ];
  for (const step of steps.slice(0, messages)) step();
  return { here, there, handle, settled };
}

describe("a connection between two processes", () => {
  it("is its receiver's once the sender has let go of it, and not before", () => {
    const sent = forwarded(1);
    expect(sent.there.adopted).toEqual([]);
    expect(sent.handle.isClosed).toBe(false);
    pass(sent.there, sent.here);
    expect(sent.handle.isClosed).toBe(true);
    expect(sent.settled).toEqual([true]);
    expect(sent.there.adopted).toEqual([]);
    pass(sent.here, sent.there);
    expect(sent.there.adopted).toEqual([7]);
  });

  it.each([
    [0, "before it has arrived"],
    [1, "before it has said that it holds it"],
  ])("stays when the other process dies after %i messages: %s", (messages) => {
    const { here, handle, settled } = forwarded(messages);
    here.process.broken();
    here.process.broken();
    expect(settled).toEqual([false]);
    expect(handle.isClosed).toBe(false);
  });

  it("belongs to whoever holds it when its sender dies", () => {
    const { there } = forwarded(1);
    there.process.broken();
    expect(there.adopted).toEqual([7]);
  });

  it("is not given to a process that is gone", () => {
    const here = side();
    here.process.broken();
    const settled: boolean[] = [];
    here.process.forward(
      {
        snapshot: { number: 8 } as ConnectionSnapshot,
        handle: new Handle() as unknown as SocketHandle,
      },
      (isTaken) => settled.push(isTaken),
    );
    expect(settled).toEqual([false]);
    expect(here.said).toEqual([]);
  });
});
