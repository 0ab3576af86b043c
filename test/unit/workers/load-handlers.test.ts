import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadHandlers } from "../../../src/workers/load-handlers.ts";

describe("loading handlers", () => {
  let folder = "";
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "sluice-handlers-"));
  });
  afterAll(async () => {
    await rm(folder, { recursive: true });
  });

  async function module(name: string, source: string): Promise<string> {
    const file = join(folder, name);
    await writeFile(file, source);
    return file;
  }

  it("gives the echo and chat of the demo without a module", async () => {
    expect(Object.keys(await loadHandlers(undefined))).toContain("authorize");
  });

  it("takes a module by path and by URL, in JavaScript", async () => {
    const file = await module(
      "plain.mjs",
      "export default { message() { return 'plain'; } };",
    );
    const byPath = await loadHandlers(file);
    const byUrl = await loadHandlers(pathToFileURL(file).href);
    expect(byPath).toMatchObject({ message: expect.any(Function) });
    expect(byUrl).toBe(byPath);
  });

  it("takes hooks that are exported by name", async () => {
    const file = await module("named.mjs", "export function opened() {}");
    expect(await loadHandlers(file)).toMatchObject({
      opened: expect.any(Function),
    });
  });

  it("takes hooks of a class's instance", async () => {
    const file = await module(
      "class.mjs",
      "class Service { message() {} }\nexport default new Service();",
    );
    expect(await loadHandlers(file)).toMatchObject({
      message: expect.any(Function),
    });
  });

  it.each([
    ["throws", "throw new Error('no database');", /no database/],
    ["is not JavaScript", "this is not it", /cannot be loaded/],
    ["exports a function", "export default () => {};", /exports function/],
    ["exports null", "export default null;", /exports/],
    ["has no hook", "export default { greet() {} };", /no hook.*message/],
    [
      "has a mistyped hook alone",
      "export default { mesage() {} };",
      /mesage.*is no hook; did you mean message\?/,
    ],
    [
      "has a mistyped hook beside a valid one",
      "export default { message() {}, close() {} };",
      /close.*is no hook; did you mean closed\?/,
    ],
    [
      "exports a mistyped hook by name",
      "export function message() {}\nexport function openend() {}",
      /openend.*is no hook; did you mean opened\?/,
    ],
    [
      "has a mistyped hook in a class",
      "class Service { message() {} reusme() {} }\nexport default new Service();",
      /reusme.*is no hook; did you mean resume\?/,
    ],
    [
      "has a hook that is none",
      "export default { message: 'echo' };",
      /message.*not a function/,
    ],
  ])("refuses a module that %s, and says why", async (what, source, text) => {
    const file = await module(`${what.replaceAll(" ", "-")}.mjs`, source);
    await expect(loadHandlers(file)).rejects.toMatchObject({
      name: "SluiceError",
      code: "ERR_SLUICE_HANDLERS",
      message: expect.stringMatching(text),
    });
    await expect(loadHandlers(file)).rejects.toThrow(file);
  });

  it("lets a module have things beside its hooks that are like none", async () => {
    const file = await module(
      "helpers.mjs",
      "export const mesage = 'a text';\nexport function greet() {}\nexport function message() {}",
    );
    expect(await loadHandlers(file)).toHaveProperty("greet");
  });

  it("refuses a module that is not there in one sentence", async () => {
    const file = join(folder, "missing.mjs");
    await expect(loadHandlers(file)).rejects.toMatchObject({
      code: "ERR_SLUICE_HANDLERS",
      message: `handlers: there is no file ${file}`,
    });
  });

  it("gives the cause along when a module that it imports is not there", async () => {
    const file = await module("importing.mjs", "import './missing.mjs';");
    await expect(loadHandlers(file)).rejects.toMatchObject({
      code: "ERR_SLUICE_HANDLERS",
      message: expect.stringContaining("cannot be loaded"),
      cause: expect.objectContaining({ code: "ERR_MODULE_NOT_FOUND" }),
    });
  });
});
