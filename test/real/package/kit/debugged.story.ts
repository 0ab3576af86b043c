import assert from "node:assert/strict";
import { once } from "node:events";
import { it } from "node:test";
import { Worker } from "node:worker_threads";
import { simulate } from "sluice/testing";

it("is stopped by a debugger in its handlers, in this thread", async () => {
  const other = new Worker(new URL("debugger.ts", import.meta.url));
  await once(other, "message");
  const stopped = once(other, "message");
  await simulate(
    { handlers: new URL("accounts.ts", import.meta.url), shards: 2 },
    async ({ open }) => {
      const ann = await open("/");
      ann.send("nonsense");
      assert.equal(await ann.next(), "what?");
    },
  );
  const [seen] = (await stopped) as [string];
  assert.equal(seen, "nonsense");
  await other.terminate();
});
