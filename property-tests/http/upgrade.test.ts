import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ShutdownReport } from "../../src/index.ts";
import { shareServer } from "../../test/support/shared-server.ts";
import { law } from "../support/laws.ts";
import { ask, type Fate } from "./answers.ts";
import {
  cutAt,
  cuts,
  upgradeRequests,
  VALID,
  write,
} from "./upgrade-mutations.ts";

const HANDSHAKE_DEADLINE_MS = 300;
/** Beyond the deadline: the refusal is read, TCP ends, and the machine is loaded. */
const GRACE_MS = 2_500;
/** So many clients at the same time, so that one that waits for the deadline holds up nobody. */
const AT_ONCE = 25;

describe("bad HTTP", () => {
  const shared = shareServer(
    { workers: 2, handshakeDeadlineMs: HANDSHAKE_DEADLINE_MS },
    expectNothingLeft,
  );

  const send = async (pieces: readonly string[]): Promise<Fate> =>
    await ask(shared.port, pieces, HANDSHAKE_DEADLINE_MS + GRACE_MS);

  law(
    "is answered once or cut, by the handshake deadline, however it is spoiled and cut",
    fc.asyncProperty(
      fc.array(fc.tuple(upgradeRequests, cuts), {
        minLength: AT_ONCE,
        maxLength: AT_ONCE,
      }),
      async (requests) => {
        await Promise.all(
          requests.map(async ([request, shares]) => {
            const fate = await send(cutAt(request, shares));
            if (!isProper(fate))
              throw new Error(
                `${JSON.stringify(request)} got ${JSON.stringify(fate)}`,
              );
          }),
        );
      },
    ),
    { runs: 40, timeLimitMs: 12_000 },
  );

  law(
    "gets the same answer however it is cut",
    fc.asyncProperty(upgradeRequests, cuts, async (request, shares) => {
      const [whole, cut] = await Promise.all([
        send([request]),
        send(cutAt(request, shares)),
      ]);
      if (String(whole.statuses) !== String(cut.statuses))
        throw new Error(
          `${JSON.stringify(request)} got ${String(whole.statuses)} whole and ${String(cut.statuses)} cut`,
        );
    }),
    { runs: 60, timeLimitMs: 8_000 },
  );

  it("a good request is accepted when it is cut behind any byte", async () => {
    const request = write(VALID);
    const fates = [];
    for (let at = 1; at < request.length; at++)
      fates.push(await send([request.slice(0, at), request.slice(at)]));
    expect(fates.map(({ statuses }) => statuses)).toEqual(
      fates.map(() => [101]),
    );
    expect(fates.every(isProper)).toBe(true);
  });

  it("a good request that stops behind any byte is told so at the deadline", async () => {
    const request = write(VALID);
    const lengths = Array.from({ length: request.length }, (_, at) => at);
    const fates = await Promise.all(
      lengths.map((length) => send([request.slice(0, length)])),
    );
    expect(fates.map(({ statuses }) => statuses)).toEqual(
      fates.map(() => [408]),
    );
  });

  it("two requests in one write get one answer", async () => {
    const { statuses, stray } = await send([
      "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    ]);
    expect(statuses).toEqual([426]);
    expect(stray).toBe("");
  });
});

/** One answer or none, nothing beside it, in time. */
function isProper({ statuses, stray, tookMs }: Fate): boolean {
  return (
    statuses.length <= 1 &&
    stray === "" &&
    tookMs < HANDSHAKE_DEADLINE_MS + GRACE_MS
  );
}

/** Whatever was sent: every connection has an outcome, and no thread died. */
function expectNothingLeft(report: ShutdownReport): void {
  expect(report).toMatchObject({
    balanced: true,
    deadlineHeld: true,
    shardsCrashed: 0,
    shardsKilled: 0,
    outcomes: { crashed: 0 },
  });
}
