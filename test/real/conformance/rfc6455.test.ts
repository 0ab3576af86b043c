import { describe, expect, it } from "vitest";
import type { ShutdownReport } from "../../../src/index.ts";
import { shareServer } from "../../support/shared-server.ts";
import { closing } from "./cases/closing.ts";
import { control } from "./cases/control.ts";
import { fragmentation } from "./cases/fragmentation.ts";
import { framing } from "./cases/framing.ts";
import { type ConformanceCase, expectedOf } from "./conformance-case.ts";
import { deliveries, play } from "./deliver.ts";

const chapters = { framing, fragmentation, control, closing };

describe.each(Object.entries(chapters))("RFC 6455: %s", (_name, cases) => {
  const shared = shareServer({}, (report) => accountFor(cases, report));
  describe.each(deliveries)("delivered %s", (delivery) => {
    it.each(cases)("$section: $rule", async (conformanceCase) => {
      const heard = await play(shared, conformanceCase, delivery);
      expect(heard).toEqual(expectedOf(conformanceCase));
    });
  });
});

/** A closing handshake that was completed is clean; where the server failed the connection, the peer's close frame is never read. */
function accountFor(
  cases: readonly ConformanceCase[],
  { balanced, outcomes, closeCodes }: ShutdownReport,
): void {
  const played = cases.flatMap((each) => deliveries.map(() => each.ending));
  const failures = played.filter(({ kind }) => kind === "failed").length;
  expect(balanced).toBe(true);
  expect(outcomes).toEqual({
    rejected: 0,
    served: 0,
    cut: 0,
    clean: played.length - failures,
    unacknowledged: failures,
    forced: 0,
    lost: 0,
    crashed: 0,
  });
  const codes: Record<string, number> = {};
  for (const ending of played) {
    const code = ending.kind === "open" ? 1000 : ending.code;
    codes[code] = (codes[code] ?? 0) + 1;
  }
  expect(closeCodes).toEqual(codes);
}
