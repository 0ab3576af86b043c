import { fc, test } from "@fast-check/vitest";
import { describe, expect, it } from "vitest";
import {
  type IntakeOwner,
  takeIn,
} from "../../../../src/workers/connection/intake.ts";
import { wsReceiver } from "../../../support/ws-receiver.ts";
import type { MessageAssembly } from "../../../../src/workers/websocket/message-assembly.ts";

/** Above the length from which the reader unmasks four bytes at once. */
const MAX_PAYLOAD = 700;

/** What a stream of bytes means, as a list of facts in order. */
type Fact = readonly [string, ...unknown[]];

/** What is read, and when it is told to wait. */
class Recorder implements IntakeOwner {
  readonly facts: Fact[] = [];
  readonly limits = { maxPayloadBytes: MAX_PAYLOAD, isCompressible: false };
  readonly isMetered = true;
  readonly takesMessages = true;
  isReading = true;
  assembly: MessageAssembly | null = null;
  unread: Buffer | null = null;
  meteredBytes = 0;
  meteredFrames = 0;
  readonly #stops: boolean[];

  /** @param stops - For each look, whether the next frame has to wait; then never. */
  constructor(stops: readonly boolean[] = []) {
    this.#stops = [...stops];
  }

  get isStopped(): boolean {
    return this.#stops.shift() ?? false;
  }

  now(): number {
    return 0;
  }

  pauseReading(): void {}
  awaitTurn(): void {}

  meter(length: number, opcode: number | undefined): void {
    this.meteredBytes += length;
    if (opcode !== undefined) this.meteredFrames++;
  }

  compressedRead(): void {
    throw new Error("nothing is compressed here");
  }

  messageRead(data: Buffer, isBinary: boolean): void {
    this.facts.push(["message", data.toString("hex"), isBinary]);
  }

  pingRead(data: Buffer): void {
    this.facts.push(["ping", data.toString("hex")]);
  }

  closeRead(code: number, reason: string): void {
    this.isReading = false;
    this.facts.push(["close", code, reason]);
  }

  violated(closeCode: number): void {
    this.isReading = false;
    this.facts.push(["violated", closeCode]);
  }
}

/** As the error carries it. */
const STATUS_CODES: Record<string, number> = {
  WS_ERR_INVALID_UTF8: 1007,
  WS_ERR_UNSUPPORTED_MESSAGE_LENGTH: 1009,
  WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH: 1009,
};

/** The engine tells of errors in a later tick of the same turn. */
const turn = (): Promise<void> =>
  new Promise((resolve) => setImmediate(resolve));

async function byWs(chunks: readonly Buffer[]): Promise<Fact[]> {
  const recorder = new Recorder();
  const receiver = wsReceiver(MAX_PAYLOAD);
  receiver.on("message", (data, isBinary) =>
    recorder.messageRead(data, isBinary),
  );
  receiver.on("ping", (data) => recorder.pingRead(data));
  receiver.on("conclude", (code, reason) =>
    recorder.closeRead(code, reason.toString()),
  );
  receiver.on("error", (error) =>
    recorder.violated(STATUS_CODES[error.code ?? ""] ?? 1002),
  );
  for (const chunk of chunks) {
    if (recorder.isReading) receiver.write(Buffer.from(chunk));
    await turn();
  }
  return recorder.facts;
}

/** All that has come so far is read, in as many turns as it takes. */
function finish(recorder: Recorder): void {
  while (recorder.unread !== null) {
    const rest = recorder.unread;
    recorder.unread = null;
    takeIn(recorder, rest, true);
  }
}

function byIntake(
  chunks: readonly Buffer[],
  stops: readonly boolean[] = [],
): Recorder {
  const recorder = new Recorder(stops);
  for (const chunk of chunks) {
    if (!recorder.isReading) break;
    // As with the buffer that all sockets share: it is overwritten afterwards.
    const shared = Buffer.from(chunk);
    takeIn(recorder, shared);
    shared.fill(0xff);
    finish(recorder);
  }
  return recorder;
}

interface Frame {
  first: number;
  payload: Uint8Array;
  mask: Uint8Array | undefined;
  /** Bits that a length is written in at least (RFC 6455, 5.2); a longer form than needed is understood. */
  lengthBits?: 7 | 16 | 64;
}

function encode({ first, payload, mask, lengthBits = 7 }: Frame): Buffer {
  const { length } = payload;
  const bits = Math.max(lengthBits, length < 126 ? 7 : 16);
  const head = Buffer.alloc(bits === 7 ? 2 : 2 + bits / 8);
  head[0] = first;
  const short = bits === 7 ? length : bits === 16 ? 126 : 127;
  head[1] = (mask === undefined ? 0 : 0x80) | short;
  if (bits === 16) head.writeUInt16BE(length, 2);
  if (bits === 64) head.writeBigUInt64BE(BigInt(length), 2);
  if (mask === undefined) return Buffer.concat([head, payload]);
  const masked = payload.map((byte, i) => byte ^ (mask[i % 4] as number));
  return Buffer.concat([head, mask, masked]);
}

const mask = fc.uint8Array({ minLength: 4, maxLength: 4 });
const text = fc
  .string({ unit: "grapheme", maxLength: 60 })
  .map((string) => new Uint8Array(Buffer.from(string)));
const bytes = fc.uint8Array({ maxLength: 150 });
const long = fc.uint8Array({ minLength: 500, maxLength: 720 });
const lengthBits = fc.constantFrom(7 as const, 16 as const, 64 as const);
const closePayload = fc
  .tuple(fc.integer({ min: 990, max: 5005 }), fc.oneof(text, bytes))
  .map(
    ([code, reason]) =>
      new Uint8Array([code >> 8, code & 0xff, ...reason.subarray(0, 123)]),
  );

const goodFrame = fc.oneof(
  fc.record({ first: fc.constant(0x81), payload: text, mask }),
  fc.record({ first: fc.constant(0x82), payload: bytes, mask }),
  fc.record({
    first: fc.constantFrom(0x81, 0x82),
    payload: fc.oneof(text, bytes, long),
    mask,
    lengthBits,
  }),
  fc.record({ first: fc.constantFrom(0x89, 0x8a), payload: bytes, mask }),
  // Fragments: first, middle, last.
  fc.record({
    first: fc.constantFrom(0x01, 0x02, 0x00, 0x80),
    payload: text,
    mask,
  }),
);
const anyFrame = fc.record({
  first: fc.oneof(
    fc.constantFrom(0x81, 0x82, 0x88, 0x89, 0x8a),
    fc.integer({ min: 0, max: 255 }),
  ),
  payload: fc.oneof(
    text,
    bytes,
    fc.uint8Array({ minLength: 690, maxLength: 710 }),
  ),
  mask: fc.option(mask, { nil: undefined, freq: 12 }),
});
const closeFrame = fc.record({
  first: fc.constant(0x88),
  payload: fc.oneof(fc.constant(new Uint8Array()), bytes, closePayload),
  mask,
});
const frames = fc
  .array(
    fc.oneof(
      { weight: 8, arbitrary: goodFrame },
      { weight: 1, arbitrary: anyFrame },
      { weight: 1, arbitrary: closeFrame },
    ),
    { minLength: 1, maxLength: 12 },
  )
  .map((list) => Buffer.concat(list.map(encode)));

/** A stream and the places where it is cut into chunks. */
const streams = frames.chain((stream) =>
  fc
    .uniqueArray(fc.nat({ max: Math.max(0, stream.length - 1) }), {
      maxLength: 6,
    })
    .map((cuts) => {
      const places = [0, ...cuts.toSorted((a, b) => a - b), stream.length];
      return places
        .slice(1)
        .map((place, i) => stream.subarray(places[i], place))
        .filter((chunk) => chunk.length > 0);
    }),
);

describe("a share of a turn", () => {
  it.each([
    ["pongs", 0x8a],
    ["messages", 0x82],
    ["fragments", 0x02],
  ])("is 256 %s of one connection; the rest waits", (_, first) => {
    const one = encode({
      first,
      payload: new Uint8Array(1),
      mask: new Uint8Array(4),
    });
    const middle = encode({
      first: first === 0x02 ? 0x00 : first,
      payload: new Uint8Array(1),
      mask: new Uint8Array(4),
    });
    const rest = Array.from({ length: 599 }, () => middle);
    const recorder = new Recorder();
    takeIn(recorder, Buffer.concat([one, ...rest]));
    expect(recorder.meteredFrames).toBe(256);
    expect(recorder.unread?.length).toBe(344 * one.length);
    finish(recorder);
    expect(recorder.meteredFrames).toBe(600);
  });
});

describe("the laws of the frame reader", () => {
  test.prop([streams], { numRuns: 2000 })(
    "whatever comes, however it is cut, means what it means to ws",
    async (chunks) => {
      expect(byIntake(chunks).facts).toEqual(await byWs(chunks));
    },
  );

  test.prop([streams, fc.array(fc.boolean(), { maxLength: 40 })])(
    "it means the same however often it has to wait",
    (chunks, stops) => {
      expect(byIntake(chunks, stops).facts).toEqual(byIntake(chunks).facts);
    },
  );

  test.prop([fc.array(goodFrame, { maxLength: 12 }), fc.nat({ max: 30 })])(
    "every byte and every frame counts, however it is cut",
    (list, size) => {
      const stream = Buffer.concat(list.map(encode));
      const cut: Buffer[] = [];
      for (let at = 0; at < stream.length; at += size + 1)
        cut.push(stream.subarray(at, at + size + 1));
      const whole = byIntake([stream]);
      const parts = byIntake(cut);
      expect(parts.meteredBytes).toBe(whole.meteredBytes);
      expect(parts.meteredFrames).toBe(whole.meteredFrames);
      if (whole.isReading) {
        expect(whole.meteredBytes).toBe(stream.length);
        expect(whole.meteredFrames).toBe(list.length);
      }
    },
  );

  test.prop([streams])(
    "what has come in part holds no more than twice its bytes and a little",
    (chunks) => {
      const recorder = new Recorder();
      let come = 0;
      for (const chunk of chunks) {
        if (!recorder.isReading) break;
        come += chunk.length;
        takeIn(recorder, Buffer.from(chunk));
        finish(recorder);
        expect(recorder.assembly?.heldBytes ?? 0).toBeLessThan(2 * come + 1024);
      }
    },
  );
});
