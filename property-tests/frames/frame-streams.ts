import * as fc from "fast-check";
import { closeFrame, frame, OPCODE } from "../../src/testing/frame-codec.ts";

/** A piece of a stream, and what it is, for a failure to be read. */
export interface Piece {
  readonly name: string;
  readonly bytes: Buffer;
}

/** A whole stream, as it is written. */
export interface Stream {
  readonly pieces: readonly Piece[];
  /** How it ends: with a close frame and an answer, with FIN, or with a reset. */
  readonly ending: "close" | "half-close" | "reset";
  /** In writes of so many bytes. */
  readonly writeBytes: number;
}

const payload = fc.oneof(
  fc.uint8Array({ maxLength: 140 }),
  fc.constantFrom(125, 126, 127, 65_535, 65_536).map((n) => new Uint8Array(n)),
);
const text = fc.oneof(
  fc.string({ unit: "binary", maxLength: 140 }),
  fc.string(),
);

const good = fc.oneof(
  text.map((data): Piece => ({
    name: "text",
    bytes: frame(OPCODE.text, data),
  })),
  payload.map((data): Piece => ({
    name: "binary",
    bytes: frame(OPCODE.binary, data),
  })),
  fc.uint8Array({ maxLength: 125 }).map((data): Piece => ({
    name: "ping",
    bytes: frame(OPCODE.ping, data),
  })),
  fc.uint8Array({ maxLength: 125 }).map((data): Piece => ({
    name: "pong",
    bytes: frame(OPCODE.pong, data),
  })),
  fc
    .array(fc.string({ maxLength: 20 }), { minLength: 2, maxLength: 6 })
    .map((parts): Piece => ({
      name: `${parts.length} fragments`,
      bytes: Buffer.concat(
        parts.map((part, index) =>
          frame(index === 0 ? OPCODE.text : OPCODE.continuation, part, {
            isFinal: index === parts.length - 1,
          }),
        ),
      ),
    })),
);

const bad = fc.oneof(
  fc
    .record({
      opcode: fc.nat(15),
      reserved: fc.nat(7),
      isFinal: fc.boolean(),
      isMasked: fc.boolean(),
      data: payload,
    })
    .map(({ opcode, data, ...details }): Piece => ({
      name: `opcode ${opcode} ${JSON.stringify(details)}`,
      bytes: frame(opcode, data, details),
    })),
  fc
    .tuple(fc.nat(15), payload, fc.integer({ min: 0, max: 2 ** 40 }))
    .map(([opcode, data, claimedLength]): Piece => ({
      name: `opcode ${opcode} that claims ${claimedLength} and has ${data.length}`,
      bytes: frame(opcode, data, { claimedLength }),
    })),
  fc.integer({ min: 0, max: 65_535 }).map((code): Piece => ({
    name: `close ${code}`,
    bytes: closeFrame(code, "fuzz"),
  })),
  fc.uint8Array({ minLength: 1, maxLength: 200 }).map((noise): Piece => ({
    name: `${noise.length} bytes of noise`,
    bytes: Buffer.from(noise),
  })),
);

const writeBytes = fc.constantFrom(1, 2, 7, 100, 1_460, 65_536, 10 ** 9);

/** Nothing in it is wrong. */
export const goodStreams: fc.Arbitrary<Stream> = fc.record({
  pieces: fc.array(good, { maxLength: 25 }),
  ending: fc.constant("close" as const),
  writeBytes,
});

/** Something in it may be wrong, anywhere. */
export const brokenStreams: fc.Arbitrary<Stream> = fc.record({
  pieces: fc.array(
    fc.oneof({ weight: 3, arbitrary: good }, { weight: 1, arbitrary: bad }),
    {
      maxLength: 25,
    },
  ),
  ending: fc.constantFrom(
    "close" as const,
    "half-close" as const,
    "reset" as const,
  ),
  writeBytes,
});
