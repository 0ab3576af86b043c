import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { format } from "prettier";
import { describe, expect, it } from "vitest";
import { logRules, renderLogTable } from "../../../src/protocol/log-rules.ts";
import { linkMachine } from "../../../src/machines/link-machine.ts";
import { serverMachine } from "../../../src/machines/server-machine.ts";
import { channels } from "../../../src/protocol/channels.ts";
import { root } from "../../support/built.ts";

/** Every event that is published by its name, wherever that is written. */
async function publishedEvents(): Promise<Set<string>> {
  const events = new Set<string>();
  const files = await readdir(join(root, "src"), { recursive: true });
  for (const name of files) {
    // Presence has events of its own, which are the application's.
    if (!/^(?:main|workers|admin)\/(?!topics).*\.ts$/.test(name)) continue;
    const text = await readFile(join(root, "src", name), "utf8");
    const said =
      /(?:\.#?(?:publish|announce)\(\s*|\{\s*event: (?:\w+ \? "[\w-]+" : )?|\{\s*event: \w+ \? )"([\w-]+)"/g;
    for (const [, event = ""] of text.matchAll(said)) events.add(event);
  }
  return events;
}

describe("what is logged", () => {
  it("has a rule for everything that is published", async () => {
    const known = new Set(Object.values(logRules).flatMap(Object.keys));
    const events = await publishedEvents();
    expect(events.size).toBeGreaterThan(25);
    for (const event of ["started", "notify-failed", "unblocked", "reloaded"])
      expect(events).toContain(event);
    // Of the machine, by the state it enters.
    events.delete("state");
    expect([...events].filter((event) => !known.has(event))).toEqual([]);
  });

  it("has a rule for every state of the link and of the server", () => {
    for (const state of Object.keys(linkMachine.config.states ?? {}))
      expect(logRules[channels.cluster]).toHaveProperty([state]);
    for (const state of Object.keys(serverMachine.config.states ?? {}))
      expect(logRules[channels.server]).toHaveProperty([`state.${state}`]);
  });

  it("says at the default level whatever goes wrong", () => {
    const bad = /failed|died|^blocked|killed|stuck|rolled-back|not-granted/;
    const silent = Object.values(logRules)
      .flatMap((events) => Object.entries(events))
      .filter(([event, [level]]) => bad.test(event) && level === "debug");
    expect(silent).toEqual([]);
  });

  it("is what the documentation says (if not: npm run docs)", async () => {
    const page = await readFile(join(root, "docs/deployment.md"), "utf8");
    const table = await format(renderLogTable(), { parser: "markdown" });
    expect(page).toContain(table.trim());
  });
});
