import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { MessageChannel } from "node:worker_threads";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  acceptHandles,
  adoptHandle,
  type SocketHandle,
} from "../../../../src/protocol/socket-handle.ts";
import { openTcp } from "../../../../src/workers/transport/open.ts";
import type {
  Transport,
  TransportEvents,
} from "../../../../src/workers/transport/transport.ts";

/** What a transport has told, in order. */
class Owner {
  readonly told: string[] = [];
  text = "";
  taken = 0;
  #onTold: () => void = () => {};

  /** Waits until something is so, looking whenever something is told. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds())
      await new Promise<void>((resolve) => {
        this.#onTold = resolve;
      });
  }

  hear(what: string): void {
    this.told.push(what);
    this.#onTold();
  }
}

const events: TransportEvents<Owner> = {
  read(owner, chunk) {
    owner.text += chunk.toString("latin1");
    owner.hear("read");
  },
  ended: (owner) => owner.hear("ended"),
  closed: (owner) => owner.hear("closed"),
  taken(owner) {
    owner.taken++;
    owner.hear("taken");
  },
};

const lastWords = (owner: Owner): string[] =>
  owner.told.filter((what) => what === "ended" || what === "closed");

for (const [kind, fault] of [
  ["the handle", undefined],
  ["a socket", "the test wants it"],
] as const)
  describe(`a transport by ${kind}`, () => {
    const open = openTcp(fault, adoptHandle);
    const server = createServer({ pauseOnConnect: true });
    const accepted: SocketHandle[] = [];
    let onAccepted = (): void => {};
    acceptHandles(server, (handle) => {
      accepted.push(handle);
      onAccepted();
    });
    let peer: Socket;
    let owner: Owner;
    let transport: Transport;

    function take(handle: SocketHandle): void {
      owner = new Owner();
      transport = open(handle);
      transport.listen(owner, events);
    }

    beforeEach(async () => {
      if (!server.listening) {
        server.listen(0, "127.0.0.1");
        await once(server, "listening");
      }
      const { port } = server.address() as { port: number };
      const hasCome = new Promise<void>((resolve) => {
        onAccepted = resolve;
      });
      peer = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
      peer.on("error", () => {});
      await Promise.all([once(peer, "connect"), hasCome]);
      take(accepted.shift() as SocketHandle);
    });

    afterEach(() => {
      peer.destroy();
      transport.destroy();
      server.close();
    });

    /** Writes until the kernel takes no more of it. */
    function fill(): number {
      peer.pause();
      const piece = Buffer.alloc(64 * 1024, "x");
      let written = 0;
      while (transport.unwrittenBytes === 0) {
        transport.write(piece);
        written += piece.length;
      }
      return written;
    }

    it("reads, and counts what it reads", async () => {
      peer.write("hello");
      await owner.until(() => owner.text === "hello");
      expect(transport.bytesRead).toBe(5);
      expect(transport.unreadBytes).toBe(0);
      expect(transport.remoteAddress).toBe("127.0.0.1");
    });

    it("writes at once what the kernel takes", async () => {
      transport.write(Buffer.from("a"));
      transport.writeAll([Buffer.from("b"), Buffer.from("c")]);
      expect(transport.unwrittenBytes).toBe(0);
      expect(transport.unsentBytes).toBe(0);
      expect(transport.bytesWritten).toBe(3);
      const [chunk] = (await once(peer, "data")) as [Buffer];
      expect("abc".startsWith(chunk.toString())).toBe(true);
      expect(owner.taken).toBe(0);
    });

    it("says what the kernel has not taken, and when it has", async () => {
      const written = fill();
      expect(transport.unsentBytes).toBeGreaterThan(0);
      expect(transport.bytesWritten).toBe(written);
      transport.writeAll([Buffer.from("b"), Buffer.from("c")]);
      const waiting = transport.unwrittenBytes;
      expect(waiting).toBeGreaterThan(2);
      let came = 0;
      let last = "";
      peer.on("data", (chunk: Buffer) => {
        came += chunk.length;
        last = (last + chunk.toString("latin1")).slice(-3);
        owner.hear("came");
      });
      peer.resume();
      await owner.until(
        () => came === written + 2 && transport.unwrittenBytes === 0,
      );
      expect(last).toBe("xbc");
      expect(owner.taken).toBeGreaterThan(0);
      expect(transport.unsentBytes).toBe(0);
    });

    it("leaves in the kernel what comes while it pauses", async () => {
      transport.pause();
      peer.write("kept");
      const { port1, port2 } = new MessageChannel();
      // Whoever can be read is heard of before what is posted now.
      port1.postMessage("");
      await once(port2, "message");
      port1.close();
      expect(owner.text).toBe("");
      transport.resume();
      await owner.until(() => owner.text === "kept");
    });

    it("ends its side when the peer has ended the other, and is closed", async () => {
      transport.listen(owner, {
        ...events,
        ended(each) {
          transport.write(Buffer.from("still"));
          each.hear("ended");
        },
      });
      peer.end("bye");
      const [chunk] = (await once(peer, "data")) as [Buffer];
      expect(chunk.toString()).toBe("still");
      await owner.until(() => owner.told.includes("closed"));
      expect(owner.text).toBe("bye");
      expect(lastWords(owner)).toEqual(["ended", "closed"]);
      expect(transport.isWritable).toBe(false);
      expect(transport.bytesRead).toBe(3);
      expect(transport.bytesWritten).toBe(5);
    });

    it("ends its side behind what was written, and reads on", async () => {
      const written = fill();
      let isEnded = false;
      transport.end(() => {
        isEnded = true;
        owner.hear("then");
      });
      expect(transport.isWritable).toBe(false);
      transport.write(Buffer.from("too late"));
      let came = 0;
      peer.on("data", (chunk: Buffer) => {
        came += chunk.length;
      });
      peer.resume();
      await once(peer, "end");
      expect(came).toBe(written);
      await owner.until(() => isEnded);
      peer.write("after all");
      await owner.until(() => owner.text === "after all");
      peer.end();
      await owner.until(() => owner.told.includes("closed"));
      expect(lastWords(owner)).toEqual(["ended", "closed"]);
    });

    it("calls back whoever ends it twice, also when it has ended", async () => {
      const first = new Promise<void>((resolve) => transport.end(resolve));
      await first;
      await new Promise<void>((resolve) => {
        transport.end(() => resolve());
      });
      expect(lastWords(owner)).toEqual([]);
    });

    it("is closed once, and not ended, by a reset", async () => {
      peer.write("x");
      await owner.until(() => owner.text === "x");
      peer.resetAndDestroy();
      await owner.until(() => owner.told.includes("closed"));
      expect(lastWords(owner)).toEqual(["closed"]);
      transport.write(Buffer.from("late"));
      transport.end();
      transport.pause();
      transport.resume();
      expect(transport.isWritable).toBe(false);
    });

    it("is closed by a reset under a write that is under way", async () => {
      fill();
      transport.pause();
      peer.resetAndDestroy();
      await owner.until(() => owner.told.includes("closed"));
      expect(lastWords(owner)).toEqual(["closed"]);
    });

    it("tells of a write that fails behind the call, not within it", async () => {
      transport.pause();
      peer.resetAndDestroy();
      await once(peer, "close");
      // The reset is there: writing fails, at the latest the second time.
      for (let count = 0; !owner.told.includes("closed"); count++) {
        const before = owner.told.length;
        transport.write(Buffer.from("late"));
        expect(owner.told.length).toBe(before);
        expect(count).toBeLessThan(1_000);
        await new Promise(setImmediate);
      }
      expect(lastWords(owner)).toEqual(["closed"]);
    });

    it("tells nothing after it was destroyed, with a write under way", async () => {
      fill();
      peer.allowHalfOpen = false;
      const { length } = owner.told;
      transport.destroy();
      transport.destroy();
      await once(peer.resume(), "close");
      expect(owner.told.length).toBe(length);
      expect(transport.isWritable).toBe(false);
    });

    it("may be destroyed by whoever reads, or hears of the end", async () => {
      const { read } = events;
      peer.write("go");
      transport.listen(owner, {
        ...events,
        read(each, chunk) {
          transport.destroy();
          read(each, chunk);
        },
      });
      await owner.until(() => owner.text === "go");
      await once(peer.resume(), "end");
      expect(owner.told).toEqual(["read"]);
    });

    it("gives its handle away, and another goes on with it", async () => {
      peer.write("one");
      await owner.until(() => owner.text === "one");
      const { port1, port2 } = new MessageChannel();
      transport.pause();
      expect(() =>
        transport.detach((handle) =>
          port1.postMessage({ handle, no: () => {} }, [handle]),
        ),
      ).toThrow("could not be cloned");
      const arrival = once(port2, "message");
      transport.detach((handle) => port1.postMessage({ handle }, [handle]));
      expect(() => transport.detach(() => {})).toThrow("closed");
      peer.write("two");
      const before = owner;
      const [message] = (await arrival) as [{ handle: SocketHandle }];
      port1.close();
      take(message.handle);
      await owner.until(() => owner.text === "two");
      expect(before.text).toBe("one");
      transport.write(Buffer.from("three"));
      const [chunk] = (await once(peer, "data")) as [Buffer];
      expect(chunk.toString()).toBe("three");
    });
  });

it("is closed, where a handle cannot be read", async () => {
  const handle = {
    reading: false,
    bytesRead: 0,
    bytesWritten: 0,
    useUserBuffer: () => {},
    readStart: () => -22,
    close: () => {},
  };
  const owner = new Owner();
  const transport = openTcp(
    undefined,
    adoptHandle,
  )(handle as unknown as SocketHandle);
  transport.listen(owner, events);
  expect(owner.told).toEqual([]);
  await owner.until(() => owner.told.length > 0);
  expect([owner.told, transport.isWritable]).toEqual([["closed"], false]);
});
