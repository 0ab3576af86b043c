import assert from "node:assert/strict";
import { it } from "node:test";
import { simulate } from "sluice/testing";

const handlers = new URL("echo.ts", import.meta.url);
it("echoes", async () => {
  await simulate({ handlers }, async ({ open }) => {
    const ann = await open("/");
    ann.send("hello");
    assert.equal(await ann.next(), "hello");
  });
});
