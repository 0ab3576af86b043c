import type { Socket } from "node:net";
import { describe, expect, it } from "vitest";
import { OPCODE } from "../../../../src/rfc6455.ts";
import {
  FrameWriter,
  WriteBatcher,
} from "../../../../src/workers/websocket/frame-writer.ts";

/** A socket whose kernel takes bytes when the test says so. */
class FakeSocket {
  writable = true;
  writableLength = 0;
  taken: Uint8Array[] = [];
  #pending: { piece: Uint8Array; done: (() => void) | undefined }[] = [];
  isFull = false;

  cork(): void {}
  uncork(): void {}

  write(piece: Uint8Array, done?: () => void): void {
    this.#pending.push({ piece, done });
    this.writableLength += piece.length;
    if (!this.isFull) this.take();
  }

  /** What it has been given and the kernel has not taken. */
  get pending(): Uint8Array[] {
    return this.#pending.map(({ piece }) => piece);
  }

  take(): void {
    const pending = this.#pending;
    this.#pending = [];
    this.writableLength = 0;
    for (const { piece } of pending) this.taken.push(piece);
    for (const { done } of pending) done?.();
  }
}

function begin() {
  const socket = new FakeSocket();
  const batcher = new WriteBatcher();
  const writer = new FrameWriter(
    batcher,
    socket as unknown as Socket,
    { writerChanged() {} },
    false,
  );
  const publish = (bytes: Uint8Array): void => {
    writer.bytes(bytes);
    writer.write();
  };
  return { socket, batcher, writer, publish };
}

/** The memory that pieces keep alive. */
function pinned(pieces: readonly Uint8Array[]): number {
  const memories = new Set(pieces.map(({ buffer }) => buffer));
  let bytes = 0;
  for (const { byteLength } of memories) bytes += byteLength;
  return bytes;
}

describe("the writer of a connection", () => {
  it("hands on at once what the kernel takes", () => {
    const { socket, writer, publish } = begin();
    publish(Buffer.from("a"));
    expect(socket.taken.map(String)).toEqual(["a"]);
    expect(writer.heldBytes).toBe(0);
    expect(writer.isStuck).toBe(false);
  });

  it("keeps no more alive for a deaf peer than it is to be sent, out of however much shared memory", () => {
    const { socket, writer, publish } = begin();
    socket.isFull = true;
    publish(Buffer.from([0]));
    for (let count = 1; count <= 2_500; count++)
      publish(Buffer.alloc(64 * 1024, count % 256).subarray(7, 8));
    expect(writer.isStuck).toBe(true);
    expect(writer.bufferedBytes).toBe(2_501);
    expect(writer.heldBytes).toBeLessThan(3 * 2_501);
    socket.take();
    // In order, and nothing twice; and that is all that was kept.
    const rest = Buffer.concat(socket.pending);
    expect([...rest]).toEqual(
      Array.from({ length: 2_500 }, (_, index) => (index + 1) % 256),
    );
    expect(pinned(socket.pending)).toBeLessThan(3 * 2_501);
  });

  it("keeps alive as much of the slab of a busy thread", () => {
    const { socket, batcher, writer } = begin();
    socket.isFull = true;
    for (let count = 0; count < 1_000; count++) {
      writer.frame(OPCODE.pong, "x");
      writer.write();
      // Others have used up the slab meanwhile.
      batcher.reserve(32 * 1024);
      batcher.slabUsed = 32 * 1024;
    }
    socket.take();
    const rest = socket.pending;
    expect(Buffer.concat(rest).length).toBe(999 * 3);
    expect(pinned(rest)).toBeLessThan(3 * 999 * 3);
  });

  it("keeps large messages as they are, and says how large", () => {
    const { socket, writer, publish } = begin();
    socket.isFull = true;
    publish(Buffer.from("a"));
    const large = Buffer.allocUnsafeSlow(1_000_000);
    publish(large);
    expect(writer.heldBytes).toBeGreaterThan(1_000_000);
    expect(writer.heldBytes).toBeLessThan(1_001_000);
    socket.take();
    expect(socket.pending.some(({ buffer }) => buffer === large.buffer)).toBe(
      true,
    );
  });

  it("counts memory once that many connections keep alive, until the last of them has written", () => {
    const { batcher, socket, writer } = begin();
    const other = new FakeSocket();
    const another = new FrameWriter(
      batcher,
      other as unknown as Socket,
      { writerChanged() {} },
      false,
    );
    const publication = Buffer.from(new SharedArrayBuffer(100_000));
    for (const each of [socket, other]) each.isFull = true;
    for (const each of [writer, another]) {
      // One under way, one behind it.
      for (let count = 0; count < 2; count++) {
        each.bytes(publication);
        each.write();
      }
    }
    expect(batcher.pins.bytes).toBe(100_000);
    expect(writer.heldBytes).toBeLessThan(1_000);
    for (let count = 0; count < 2; count++) socket.take();
    expect(batcher.pins.bytes).toBe(100_000);
    another.drop();
    expect(batcher.pins.bytes).toBe(0);
  });

  it("has nothing left once its connection has ended", () => {
    const { socket, writer, publish } = begin();
    socket.isFull = true;
    publish(Buffer.from("a"));
    publish(Buffer.from("b"));
    writer.drop();
    socket.writable = false;
    socket.take();
    expect(writer.bufferedBytes).toBe(0);
    expect(socket.taken).toHaveLength(2);
  });
});
