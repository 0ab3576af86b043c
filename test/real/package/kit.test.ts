import { mkdir, readdir, readFile, rm, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { root } from "../../support/built.ts";
import { readPage } from "../../support/pages.ts";
import {
  compilerOptions,
  type Ended,
  Stranger,
} from "../../support/stranger.ts";

const NODE = JSON.stringify(process.execPath);
const FILES = new URL("kit/", import.meta.url);
/** Of a whole process that plays the first story, its start included; CPU time, which no other process can make longer. */
const FIRST_STORY_MS = 1_000;
const FIRST_STORY_LINES = 10;
const STORY_SENTENCES = 6;
const TIME_LIMIT_MS = 120_000;
/** Where what the documentation shows is written to. */
const DOCS = "docs";

/** A stranger's project, with the packed Sluice and what `kit/` has. */
let stranger: Stranger;

/** Of the repository's own, as if the stranger had installed it. */
async function link(name: string): Promise<void> {
  const place = join(stranger.folder, "node_modules", name);
  await mkdir(dirname(place), { recursive: true });
  // Another test may have needed it as well.
  await rm(place, { force: true });
  await symlink(join(root, "node_modules", name), place);
}

async function runStory(options: string, story: string): Promise<Ended> {
  return await stranger.try(`${NODE} ${options} ${story}.test.ts`);
}

async function runVitest(...given: string[]): Promise<Ended> {
  return await stranger.try(`npx vitest run ${given.join(" ")}`);
}

/** A night's work, for a test. */
function shorter(command: string): string {
  return command.replace(/LIVES=\d+/, "LIVES=10");
}

/** The sentences of the story that a failure has printed. */
function storyIn(printed: string): string[] {
  const [, story = ""] = /the story:\n((?:\s+\d+\. .*\n)+)/.exec(printed) ?? [];
  return story
    .split("\n")
    .flatMap((line) => /^\s+\d+\. (.*)$/.exec(line)?.[1] ?? []);
}

/** Plays lives until the planted mistake is found, and plays that again by the command that was printed. */
async function find(run: Promise<Ended>, law: string): Promise<string[]> {
  const found = await run;
  expect(found.printed).toContain(`broken: ${law}`);
  expect(found.status).not.toBe(0);
  const [, runs] =
    /Property failed after (\d+) tests/.exec(found.printed) ?? [];
  expect(Number(runs)).toBeLessThanOrEqual(100);
  const story = storyIn(found.printed);
  expect(story.length).toBeGreaterThan(0);
  expect(story.length).toBeLessThanOrEqual(STORY_SENTENCES);

  const [command = ""] = /SLUICE_LIFE=\S+ .*/.exec(found.printed) ?? [];
  const again = await stranger.try(command);
  expect(again.printed).toContain("Property failed after 1 tests");
  expect(storyIn(again.printed)).toEqual(story);
  return story;
}

beforeAll(async () => {
  stranger = await Stranger.create();
  for (const name of ["vitest", ".bin/vitest", "@vitest/coverage-v8"])
    await link(name);
  for (const name of await readdir(FILES))
    await stranger.write(
      name.replace(/\.story\.ts$/, ".test.ts"),
      await readFile(new URL(name, FILES), "utf8"),
    );
}, TIME_LIMIT_MS);

afterAll(() => stranger.remove());

describe("the test kit in a stranger's project", () => {
  it("plays the first story, in ten lines and within a second, without fast-check", async () => {
    const story = await readFile(
      new URL("first-vitest.story.ts", FILES),
      "utf8",
    );
    const lines = story.split("\n").filter((line) => line.trim() !== "");
    expect(lines.length).toBeLessThanOrEqual(FIRST_STORY_LINES);
    const { status, printed } = await runStory(
      "--import ./measure.ts",
      "first",
    );
    expect(printed).toMatch(/pass 1$/m);
    expect(status).toBe(0);
    const [said, ms] = /took (\d+) ms of \d+/.exec(printed) ?? [];
    console.log(`the first story, start of the process included: ${said}`);
    expect(Number(ms)).toBeLessThan(FIRST_STORY_MS);
    const { printed: refusal } = await stranger.try(`${NODE} no-fast-check.ts`);
    expect(refusal).toContain("npm install --save-dev fast-check");
  });

  it("works under vitest, with its mocks and its coverage", async () => {
    const { status, printed } = await runVitest(
      ...["first-vitest", "mocks-vitest"],
      ...["--coverage.enabled", "--coverage.include=accounts.ts"],
      "--coverage.reporter=text",
    );
    expect(printed).toMatch(/Tests\s+2 passed/);
    expect(status).toBe(0);
    // What no test has said is not covered; the rest is.
    expect(printed).toMatch(/accounts\.ts \|\s+60 .*\|\s+8-9/);
  });

  it("works under node:test, with its mocks, its coverage and a debugger", async () => {
    const { status, printed } = await runStory(
      [
        ...["--test", "--experimental-test-module-mocks"],
        ...["--experimental-test-coverage"],
        "--test-coverage-include=accounts.ts",
      ].join(" "),
      "mocks-node",
    );
    expect(printed).toMatch(/pass 1$/m);
    expect(status).toBe(0);
    expect(printed).toMatch(/accounts\.ts.*\| 8-10/);
    const debugged = await runStory("--inspect=127.0.0.1:0", "debugged");
    expect(debugged.printed).toMatch(/pass 1$/m);
  });

  it(
    "finds what is planted in handlers within a hundred lives, tells it in six sentences, and plays it again",
    async () => {
      await link("fast-check");
      const [counter, shop, ticker] = await Promise.all([
        find(runVitest("counter"), "messages are counted on"),
        find(
          runStory("--test", "shop"),
          "whoever reads to the end has read an answer to each order",
        ),
        find(
          runStory("--test", "ticker"),
          "listeners is what it was, when everybody has gone",
        ),
      ]);
      expect(counter.join()).toMatch(/move away|reloads/);
      expect(shop.join()).toMatch(/connects to \/.* says "(?:tea|milk)"/);
      expect(ticker.join()).toMatch(/move away|reloads/);
    },
    TIME_LIMIT_MS,
  );

  it(
    "is as the documentation has it: what that shows runs, and so do its commands",
    async () => {
      await link("fast-check");
      const { files, nameless, commands, jobs } = await readPage("testing.md");
      expect(nameless).toEqual([]);
      const tests = [...files.keys()].filter((name) =>
        name.endsWith(".test.ts"),
      );
      expect(tests.length).toBeGreaterThan(4);
      for (const test of tests)
        expect(commands.join("\n")).toContain(test.replace(/\.test\.ts$/, ""));
      await mkdir(join(stranger.folder, DOCS));
      await stranger.write(`${DOCS}/package.json`, { type: "module" });
      for (const [name, code] of files)
        await stranger.write(`${DOCS}/${name}`, code);
      for (const command of [...commands, ...jobs.map(shorter)]) {
        // What it installs is there.
        if (command.startsWith("npm install")) continue;
        const { status, printed } = await stranger.try(
          `cd ${DOCS} && export LIVES=10 && ${command}`,
        );
        expect(`${command}\n${status === 0 ? "" : printed}`).toBe(
          `${command}\n`,
        );
      }
    },
    TIME_LIMIT_MS,
  );

  it("has a face that the compiler knows", async () => {
    await link("fast-check");
    await stranger.write("tsconfig.json", {
      compilerOptions: {
        ...compilerOptions,
        // Of vitest, which is no part of what is shown.
        skipLibCheck: true,
        allowImportingTsExtensions: true,
      },
      include: ["types.ts", "first.test.ts", "shop.test.ts", `${DOCS}/*.ts`],
    });
    const tsc = join(root, "node_modules/typescript/bin/tsc");
    const { printed } = await stranger.try(`${NODE} ${tsc} -p .`);
    expect(printed).toBe("");
  });
});
