import { expect, it } from "vitest";
import { simulate } from "sluice/testing";

const handlers = new URL("echo.ts", import.meta.url);
it("echoes", () =>
  simulate({ handlers }, async ({ open }) => {
    const ann = await open("/");
    ann.send("hello");
    expect(await ann.next()).toBe("hello");
  }));
