import { channel } from "node:diagnostics_channel";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

import { beforeAll, describe, expect, it, onTestFinished } from "vitest";

import { logEvents } from "../../../src/cli/log-events.ts";
import { createLogger } from "../../../src/cli/logger.ts";
import { main } from "../../../src/cli/main.ts";
import { root } from "../../support/built.ts";
import { FakeIo } from "../cli/fake-io.ts";

interface Shown {
  readonly page: string;
  /** Without its comment and without what stands around it. */
  readonly command: string;
}

let all: readonly Shown[] = [];
beforeAll(async () => {
  const docs = await readdir(join(root, "docs"));
  const pages = [
    "README.md",
    ...docs.filter((name) => name.endsWith(".md")).map((n) => `docs/${n}`),
  ];
  const texts = pages.map(async (page) => {
    const text = await readFile(join(root, page), "utf8");
    const commands = text.matchAll(/(?:^|`|\$ |npx )sluice ([a-z][^\n`#|]*)/gm);
    return [...commands].map(([, rest = ""]) => ({
      page,
      command: rest.trim(),
    }));
  });
  all = (await Promise.all(texts)).flat();
});

/** Help of a command, or undefined where there is none of that name. */
async function helpOf(name: string): Promise<string | undefined> {
  const io = new FakeIo({ args: [name, "--help"] });
  const status = await main(io);
  if (name !== "serve") return status === 0 ? io.stdout.text : undefined;
  const whole = new FakeIo({ args: [name, "--help-all"] });
  await main(whole);
  return whole.stdout.text;
}

describe("the documentation", () => {
  it("shows only commands and flags that there are", async () => {
    const strange: string[] = [];
    for (const { page, command } of all) {
      const [name = "", ...words] = command.split(/\s+/);
      const help = await helpOf(name);
      const flags = words.filter((word) => word.startsWith("--"));
      const unknown = flags
        .map((flag) => flag.replace(/[=,;.:)]+.*$/, "").replace("--no-", "--"))
        .filter(
          (flag) => !(help ?? "").replaceAll("--no-", "--").includes(flag),
        );
      if (help === undefined || unknown.length > 0)
        strange.push(`${page}: sluice ${command}`);
    }
    expect(all.length).toBeGreaterThan(30);
    expect(strange).toEqual([]);
  });

  it("shows every command somewhere", async () => {
    const io = new FakeIo({ args: ["--help"] });
    await main(io);
    const names = [...io.stdout.text.matchAll(/^ {2}([a-z]+) /gm)];
    expect(names.length).toBeGreaterThan(10);
    const shown = new Set(all.map(({ command }) => command.split(" ")[0]));
    const missing = names.filter(([, name]) => !shown.has(name));
    expect(missing.map(([, name]) => name)).toEqual([]);
  });

  it("is not needed to know what a command does: its help says more than the list", async () => {
    const io = new FakeIo({ args: ["--help"] });
    await main(io);
    const names = [...io.stdout.text.matchAll(/^ {2}([a-z]+) /gm)];
    for (const [, name = ""] of names) {
      const help = (await helpOf(name)) ?? "";
      const [, said = ""] = /^Usage: .*\n\n([^]*?)\n\n/.exec(help) ?? [];
      expect([name, said]).toEqual([
        name,
        expect.stringMatching(/^[A-Z].*\.$/s),
      ]);
    }
  });

  it("shows the line of the log that says where the inspector is", async () => {
    const lines: string[] = [];
    const logger = createLogger(
      { log: "pretty", logLevel: "info" },
      (line) => lines.push(line),
      false,
    );
    onTestFinished(logEvents(logger));
    const url = "http://127.0.0.1:8081";
    channel("sluice:server").publish({ event: "inspector", url });
    const page = await readFile(join(root, "docs/inspector.md"), "utf8");
    const said = lines[0]?.replace(/^\[.*?\] /, "");
    expect(page).toContain(`$ sluice serve\n[12:00:00.000] ${said}`);
  });
});
