import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isSendableCloseCode } from "../../src/rfc6455.ts";
import type { ShutdownReport } from "../../src/index.ts";
import { frame, FrameReader, OPCODE } from "../../src/testing/frame-codec.ts";
import { RawClient } from "../../test/support/raw-client.ts";
import { shareServer } from "../../test/support/shared-server.ts";
import { until } from "../../test/support/within.ts";
import { law } from "../support/laws.ts";
import { brokenStreams, goodStreams, type Stream } from "./frame-streams.ts";
import { playStream, UNSURE_PATIENCE_MS } from "./play-stream.ts";

const AT_ONCE = 10;
const MAX_PAYLOAD_BYTES = 100_000;
/** Whether a close frame may say so (RFC 6455, 7.4); one without a code reads 1005, and there may be none. */
function mayBeSent(code: number | undefined): boolean {
  return code === undefined || code === 1005 || isSendableCloseCode(code);
}

/** What an echo server owes for a good stream, worked out from its bytes. */
function owed({ pieces }: Stream): { opcode: number; payload: Buffer }[] {
  const frames = new FrameReader().push(
    Buffer.concat(pieces.map(({ bytes }) => bytes)),
  );
  const replies: { opcode: number; payload: Buffer }[] = [];
  let fragments: Buffer[] = [];
  let kind = 0;
  for (const { opcode, payload, isFinal } of frames) {
    if (opcode === OPCODE.ping) replies.push({ opcode: OPCODE.pong, payload });
    if (opcode >= OPCODE.close) continue;
    if (opcode !== OPCODE.continuation) kind = opcode;
    fragments.push(payload);
    if (!isFinal) continue;
    replies.push({ opcode: kind, payload: Buffer.concat(fragments) });
    fragments = [];
  }
  return replies;
}

function describeStream({ pieces, ...rest }: Stream): string {
  return JSON.stringify({ ...rest, pieces: pieces.map(({ name }) => name) });
}

describe("frame streams", () => {
  const shared = shareServer(
    { workers: 2, maxPayloadBytes: MAX_PAYLOAD_BYTES, closeDeadlineMs: 2_000 },
    expectNothingLeft,
  );

  law(
    "a good stream is answered message by message, however it is cut",
    fc.asyncProperty(goodStreams, async (stream) => {
      const { frames, closeCode, fault } = await playStream(
        shared.port,
        stream,
      );
      expect(fault).toBeUndefined();
      expect(
        frames.map(({ opcode, payload }) => ({ opcode, payload })),
      ).toEqual(owed(stream));
      expect(closeCode).toBe(1000);
    }),
    { runs: 150, timeLimitMs: 10_000 },
  );

  law(
    "every connection has an outcome, whatever it is sent",
    fc.asyncProperty(
      fc.array(brokenStreams, { minLength: AT_ONCE, maxLength: AT_ONCE }),
      async (streams) => {
        const { ledger } = shared.server.stats();
        await Promise.all(
          streams.map(async (stream) => {
            const { closeCode, fault } = await playStream(
              shared.port,
              stream,
              UNSURE_PATIENCE_MS,
            );
            if (fault !== undefined || !mayBeSent(closeCode))
              throw new Error(
                `${describeStream(stream)} got ${String(closeCode)}, ${String(fault)}`,
              );
          }),
        );
        await until("every connection has its outcome", () => {
          const now = shared.server.stats().ledger;
          return (
            now.live === 0 &&
            now.upgrading === 0 &&
            now.opened === ledger.opened + AT_ONCE
          );
        });
      },
    ),
    { runs: 40, timeLimitMs: 12_000 },
  );

  it("headers that claim much and bring nothing take no memory", async () => {
    const { port, server } = shared;
    const before = process.memoryUsage().rss;
    const clients: RawClient[] = [];
    for (let i = 0; i < 500; i++) {
      const client = await RawClient.open(port);
      client.write(
        frame(OPCODE.binary, "", { claimedLength: MAX_PAYLOAD_BYTES }),
      );
      clients.push(client);
    }
    await until(
      "they are open",
      () => server.stats().connections === clients.length,
    );
    const grownBytes = process.memoryUsage().rss - before;
    expect(grownBytes).toBeLessThan((clients.length * MAX_PAYLOAD_BYTES) / 2);
    for (const client of clients) client.reset();
    await until("they are gone", () => server.stats().connections === 0);
  });

  it("tiny fragments without an end are cut off", async () => {
    const client = await RawClient.open(shared.port);
    client.write(frame(OPCODE.text, "a", { isFinal: false }));
    const fragment = frame(OPCODE.continuation, "", { isFinal: false });
    const many = Buffer.concat(Array.from({ length: 1_000 }, () => fragment));
    for (let i = 0; i < 50 && !client.socket.destroyed; i++) client.write(many);
    expect(await client.closeFrame()).toMatchObject({ code: 1008 });
  });
});

/** Whatever was sent: every connection has an outcome, and no thread died. */
function expectNothingLeft(report: ShutdownReport): void {
  expect(report).toMatchObject({
    balanced: true,
    deadlineHeld: true,
    shardsCrashed: 0,
    shardsKilled: 0,
    outcomes: { crashed: 0, forced: 0 },
  });
}
