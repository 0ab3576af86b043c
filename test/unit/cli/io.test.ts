import { describe, expect, it } from "vitest";

import { tolerateClosedOutput, writeLine } from "../../../src/cli/io.ts";
import { FakeIo } from "./fake-io.ts";

describe("output whose reader went away", () => {
  it("is no error, and nobody waits for it", async () => {
    const io = new FakeIo();
    tolerateClosedOutput(io);
    io.stdout.destroy(Object.assign(new Error("EPIPE"), { code: "EPIPE" }));
    await writeLine(io.stdout, "a report that nobody reads");
    expect(io.stdout.text).toBe("");
  });
});
