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
  /** Sockets that it took as if it had accepted them. */
  readonly admitted: SocketHandle[];
  /** What it has said, and nobody has heard yet. */
  readonly said: {
    message: ProcessMessage;
    handle: SocketHandle | undefined;
  }[];
}

function side(): Side {
  const adopted: number[] = [];
  const admitted: SocketHandle[] = [];
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
  const process = new OtherProcess(
    channel,
    relay,
    () => undefined,
    (handle) => admitted.push(handle),
  );
  return { process, adopted, admitted, said };
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

describe("a socket that was accepted while a process leaves", () => {
  function passed(messages: number) {
    const here = side();
    const there = side();
    const handle = new Handle();
    here.process.pass(7, handle as unknown as SocketHandle);
    const steps = [
      () => pass(here, there),
      () => pass(there, here),
      () => pass(here, there),
    ];
    for (const step of steps.slice(0, messages)) step();
    return { here, there, handle };
  }

  it("is served by the other process, once this one has let go of it", () => {
    const { here, there, handle } = passed(2);
    expect(handle.isClosed).toBe(true);
    expect(there.admitted).toEqual([]);
    pass(here, there);
    expect(there.admitted).toEqual([handle]);
    expect(here.admitted).toEqual([]);
  });

  it.each([0, 1])(
    "is served here when the other process dies after %i messages",
    (messages) => {
      const { here, handle } = passed(messages);
      here.process.broken();
      expect(here.admitted).toEqual([handle]);
      expect(handle.isClosed).toBe(false);
    },
  );

  it("is served here when the other process is gone already", () => {
    const here = side();
    const handle = new Handle();
    here.process.broken();
    here.process.pass(7, handle as unknown as SocketHandle);
    expect(here.admitted).toEqual([handle]);
    expect(here.said).toEqual([]);
  });

  it("is served here when the other process takes nothing any more", () => {
    const { here, there, handle } = passed(0);
    there.process.close();
    pass(here, there);
    pass(there, here);
    expect(here.admitted).toEqual([handle]);
    expect(there.admitted).toEqual([]);
  });

  it("is served there when the one that has accepted it dies", () => {
    const { there, handle } = passed(1);
    there.process.broken();
    expect(there.admitted).toEqual([handle]);
  });
});
