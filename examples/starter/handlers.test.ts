import assert from "node:assert/strict";
import { it } from "node:test";

import { simulate } from "sluice/testing";

const handlers = new URL("handlers.ts", import.meta.url);

it("relays what one says to those on the same path", async () => {
  await simulate({ handlers, shards: 2 }, async ({ open }) => {
    const ann = await open("/lobby");
    const bob = await open("/lobby");
    ann.send("hello");
    assert.equal(await bob.next(), "hello");
    assert.equal(await ann.next(), "hello");
  });
});

it("tells everyone to come back when it stops", async () => {
  await simulate({ handlers }, async ({ open, server }) => {
    const ann = await open("/lobby");
    const report = server.shutdown();
    assert.equal((await ann.closed()).code, 1001);
    assert.equal((await report).outcomes.clean, 1);
  });
});
