import { expect, it } from "vitest";
import { aside, guarded } from "../../../src/main/aside.ts";
import { channels } from "../../../src/protocol/channels.ts";
import { overhear } from "../../support/diagnostics.ts";

it("publishes what work fails with that nobody waits for", async () => {
  const { messages } = overhear(channels.server);
  const error = new Error("gone");
  aside(Promise.reject(error), "closing a socket");
  aside(Promise.resolve(), "closing a socket");
  aside(undefined, "closing a socket");
  await Promise.resolve();
  guarded("taking a message", () => {
    throw error;
  });
  expect(messages).toEqual([
    { event: "fault", what: "closing a socket", error },
    { event: "fault", what: "taking a message", error },
  ]);
});
