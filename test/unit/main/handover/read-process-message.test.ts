import { fc, test } from "@fast-check/vitest";
import { describe, expect, it } from "vitest";
import { takeTally } from "../../../../src/main/handover/version-comparison.ts";
import type { ProcessMessage } from "../../../../src/main/handover/other-process.ts";
import {
  hearProcess,
  readProcessMessage,
} from "../../../../src/main/handover/read-process-message.ts";

const snapshot = {
  number: 7,
  head: "",
  remoteAddress: "::1",
  subprotocol: "",
  state: { any: "thing" },
  openedAt: 0.5,
  isSilent: false,
  isProbing: false,
  messagesIn: 0,
  messagesOut: 0,
  bytesIn: 0,
  bytesOut: 0,
  allowance: undefined,
  subscriptions: [],
  heardUntil: undefined,
  droppedMessages: 0,
  isAdmitted: true,
  frozenAt: 1,
};
const honest: readonly ProcessMessage[] = [
  { type: "hello" },
  { type: "take-over", firstNumber: 1, host: "::", port: 1, ports: [1] },
  { type: "ready" },
  { type: "failed", why: "so", withinMs: 3_000 },
  { type: "tally", tally: takeTally([]) },
  { type: "sent" },
  { type: "landed" },
  { type: "committed", admin: undefined },
  { type: "committed", admin: { host: "::", port: 1 } },
  { type: "stop", reason: "so", deadlineMs: undefined },
  { type: "force" },
  { type: "connection", snapshot },
  { type: "refused", number: 7 },
  { type: "accepted", number: 7 },
  { type: "received", number: 7 },
  { type: "yours", number: 7 },
];

describe("what another process says", () => {
  it.each(honest)("is read as it was said: $type", (message) => {
    expect(readProcessMessage({ sluice: message })).toEqual({
      kind: "message",
      message,
    });
  });

  it.each([
    [{ type: "failed", why: "", withinMs: Number.NaN }],
    [{ type: "take-over", firstNumber: 1, host: "::", port: 1, ports: 1 }],
    [{ type: "take-over", firstNumber: 0.5, host: "::", port: 1, ports: [] }],
    [{ type: "tally", tally: { live: 1 } }],
    [{ type: "stop", reason: "", deadlineMs: "8s" }],
    [{ type: "committed", admin: null }],
    [{ type: "toString" }],
    [null],
  ])("is dropped and counted when it is %j", (sluice) => {
    expect(readProcessMessage({ sluice }).kind).toBe("malformed");
  });

  it("stays the sender's when it is a connection that cannot be read, and its socket is let go", () => {
    const said: unknown[] = [];
    const handle = { close: () => said.push("closed") };
    const sluice = { type: "connection", snapshot: { number: 7 } };
    hearProcess({ sluice }, handle, {
      take: (message) => said.push(message),
      refuse: (number) => said.push(number),
      drop: (what) => said.push(what),
    });
    expect(said).toEqual(['a message of the type "connection"', "closed", 7]);
  });

  test.prop([
    fc.oneof(
      fc.anything(),
      fc
        .tuple(
          fc.constantFrom(...honest),
          fc.dictionary(
            fc.constantFrom(
              ...["withinMs", "ports", "port", "number", "snapshot"],
              ...["tally", "admin", "why", "deadlineMs", "type"],
            ),
            fc.anything(),
          ),
        )
        .map(([message, bent]) => ({ sluice: { ...message, ...bent } })),
    ),
  ])("is of one of its shapes, or none, whatever comes", (raw) => {
    const word = readProcessMessage(raw);
    if (word.kind !== "message") return;
    const { message } = word;
    if (message.type === "failed")
      expect(message.withinMs).toBeGreaterThanOrEqual(0);
    else if (message.type === "take-over")
      for (const port of message.ports) expect(port).toBeLessThan(65_536);
    else if (message.type === "connection")
      expect(Number.isSafeInteger(message.snapshot.number)).toBe(true);
    else expect(honest.map(({ type }) => type)).toContain(message.type);
  });
});
