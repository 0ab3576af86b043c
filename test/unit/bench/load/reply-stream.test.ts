import { array, assert, boolean, integer, property } from "fast-check";
import { describe, expect, it } from "vitest";
import { opcodes, serverFrame } from "../../../../bench/load/frames.ts";
import {
  repeatReply,
  ReplyStream,
  UnexpectedReplyError,
} from "../../../../bench/load/reply-stream.ts";
import { payloadOf } from "../../../../bench/load/script.ts";

const ping = serverFrame(opcodes.ping, Buffer.from("are you there"));

function streamFor(reply: Buffer): {
  stream: ReplyStream;
  controls: string[];
} {
  const controls: string[] = [];
  const stream = new ReplyStream(
    repeatReply(reply),
    reply.length,
    (opcode, payload) => controls.push(`${opcode} ${payload.toString()}`),
  );
  return { stream, controls };
}

/** Feeds bytes in chunks of the given lengths, over and over. */
function feedInChunks(
  stream: ReplyStream,
  bytes: Buffer,
  lengths: readonly number[],
): number {
  let completed = 0;
  for (let start = 0, turn = 0; start < bytes.length; turn++) {
    const length = lengths[turn % lengths.length] ?? 1;
    // A copy of its own: the stream must not rely on the chunk afterwards.
    const chunk = Buffer.from(bytes.subarray(start, start + length));
    completed += stream.feed(chunk);
    chunk.fill(0xff);
    start += length;
  }
  return completed;
}

describe("a stream of replies", () => {
  it("counts every reply and shows every ping, however it is cut", () => {
    assert(
      property(
        integer({ min: 0, max: 200 }),
        array(boolean(), { minLength: 1, maxLength: 40 }),
        array(integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 8 }),
        (length, pingsBefore, chunkLengths) => {
          const reply = serverFrame(opcodes.binary, payloadOf(length, 1));
          const { stream, controls } = streamFor(reply);
          const bytes = Buffer.concat(
            pingsBefore.flatMap((before) => (before ? [ping, reply] : [reply])),
          );
          expect(feedInChunks(stream, bytes, chunkLengths)).toBe(
            pingsBefore.length,
          );
          expect(controls).toEqual(
            pingsBefore.filter(Boolean).map(() => "9 are you there"),
          );
        },
      ),
    );
  });

  it("follows replies that are longer than what is compared at once", () => {
    const reply = serverFrame(opcodes.binary, payloadOf(200_000, 2));
    const { stream, controls } = streamFor(reply);
    const bytes = Buffer.concat([reply, ping, reply, reply]);
    expect(feedInChunks(stream, bytes, [65_536, 262_144, 7])).toBe(3);
    expect(controls).toHaveLength(1);
  });

  it("notices one wrong byte anywhere in a reply", () => {
    const reply = serverFrame(opcodes.binary, payloadOf(64, 3));
    for (let at = 0; at < reply.length; at++) {
      const { stream } = streamFor(reply);
      const wrong = Buffer.concat([reply, reply, reply]);
      wrong[reply.length + at] = (wrong[reply.length + at] ?? 0) ^ 0x04;
      expect(() => stream.feed(wrong)).toThrow(
        /reply differs|header|opcode|reach/i,
      );
    }
  });

  it("notices another connection's reply", () => {
    const { stream } = streamFor(serverFrame(opcodes.binary, payloadOf(64, 0)));
    const foreign = serverFrame(opcodes.binary, payloadOf(64, 1));
    expect(() => stream.feed(foreign)).toThrow(UnexpectedReplyError);
  });

  it("notices a control frame in the middle of a reply", () => {
    const reply = serverFrame(opcodes.binary, payloadOf(64, 3));
    const { stream } = streamFor(reply);
    stream.feed(reply.subarray(0, 10));
    expect(() => stream.feed(ping)).toThrow(/10 bytes into it/);
  });
});
