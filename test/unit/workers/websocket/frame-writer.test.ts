import { describe, expect, it } from "vitest";
import { OPCODE } from "../../../../src/rfc6455.ts";
import {
  type ByteSink,
  FrameWriter,
  WriteBatcher,
} from "../../../../src/workers/websocket/frame-writer.ts";

/** A transport whose kernel takes bytes when the test says so. */
class FakeTransport implements ByteSink {
  isWritable = true;
  unwrittenBytes = 0;
  taken: Uint8Array[] = [];
  /** What it has been given and the kernel has not taken. */
  pending: Uint8Array[] = [];
  isFull = false;
  onTaken: () => void = () => {};

  write(piece: Uint8Array): void {
    this.writeAll([piece]);
  }

  writeAll(pieces: readonly Uint8Array[]): void {
    if (!this.isFull) {
      this.taken.push(...pieces);
      return;
    }
    this.pending.push(...pieces);
    for (const { length } of pieces) this.unwrittenBytes += length;
  }

  take(): void {
    this.taken.push(...this.pending);
    this.pending = [];
    this.unwrittenBytes = 0;
    this.onTaken();
  }
}

function begin() {
  const transport = new FakeTransport();
  const batcher = new WriteBatcher();
  const writer = new FrameWriter(
    batcher,
    transport,
    { writerChanged() {} },
    false,
  );
  transport.onTaken = () => writer.taken();
  const publish = (bytes: Uint8Array): void => {
    writer.bytes(bytes);
    writer.write();
  };
  return { transport, batcher, writer, publish };
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
    const { transport, writer, publish } = begin();
    publish(Buffer.from("a"));
    expect(transport.taken.map(String)).toEqual(["a"]);
    expect(writer.heldBytes).toBe(0);
    expect(writer.isStuck).toBe(false);
  });

  it("keeps no more alive for a deaf peer than it is to be sent, out of however much shared memory", () => {
    const { transport, writer, publish } = begin();
    transport.isFull = true;
    publish(Buffer.from([0]));
    for (let count = 1; count <= 2_500; count++)
      publish(Buffer.alloc(64 * 1024, count % 256).subarray(7, 8));
    expect(writer.isStuck).toBe(true);
    expect(writer.bufferedBytes).toBe(2_501);
    expect(writer.heldBytes).toBeLessThan(3 * 2_501);
    transport.take();
    // In order, and nothing twice; and that is all that was kept.
    const rest = Buffer.concat(transport.pending);
    expect([...rest]).toEqual(
      Array.from({ length: 2_500 }, (_, index) => (index + 1) % 256),
    );
    expect(pinned(transport.pending)).toBeLessThan(3 * 2_501);
  });

  it("keeps alive as much of the slab of a busy thread", () => {
    const { transport, batcher, writer } = begin();
    transport.isFull = true;
    for (let count = 0; count < 1_000; count++) {
      writer.frame(OPCODE.pong, "x");
      writer.write();
      // Others have used up the slab meanwhile.
      batcher.reserve(32 * 1024);
      batcher.slabUsed = 32 * 1024;
    }
    transport.take();
    const rest = transport.pending;
    expect(Buffer.concat(rest).length).toBe(999 * 3);
    expect(pinned(rest)).toBeLessThan(3 * 999 * 3);
  });

  it("keeps large messages as they are, and says how large", () => {
    const { transport, writer, publish } = begin();
    transport.isFull = true;
    publish(Buffer.from("a"));
    const large = Buffer.allocUnsafeSlow(1_000_000);
    publish(large);
    expect(writer.heldBytes).toBeGreaterThan(1_000_000);
    expect(writer.heldBytes).toBeLessThan(1_001_000);
    transport.take();
    expect(
      transport.pending.some(({ buffer }) => buffer === large.buffer),
    ).toBe(true);
  });

  it("counts memory once that many connections keep alive, until the last of them has written", () => {
    const { batcher, transport, writer } = begin();
    const other = new FakeTransport();
    const another = new FrameWriter(
      batcher,
      other,
      { writerChanged() {} },
      false,
    );
    other.onTaken = () => another.taken();
    const publication = Buffer.from(new SharedArrayBuffer(100_000));
    for (const each of [transport, other]) each.isFull = true;
    for (const each of [writer, another]) {
      // One under way, one behind it.
      for (let count = 0; count < 2; count++) {
        each.bytes(publication);
        each.write();
      }
    }
    expect(batcher.pins.bytes).toBe(100_000);
    expect(writer.heldBytes).toBeLessThan(1_000);
    for (let count = 0; count < 2; count++) transport.take();
    expect(batcher.pins.bytes).toBe(100_000);
    another.drop();
    expect(batcher.pins.bytes).toBe(0);
  });

  it("has nothing left once its connection has ended", () => {
    const { transport, writer, publish } = begin();
    transport.isFull = true;
    publish(Buffer.from("a"));
    publish(Buffer.from("b"));
    writer.drop();
    transport.isWritable = false;
    transport.take();
    expect(writer.bufferedBytes).toBe(0);
    expect(transport.taken).toHaveLength(1);
  });
});
