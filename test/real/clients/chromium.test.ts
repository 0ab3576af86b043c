import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BrowserContext, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startServer } from "../../support/server.ts";
import {
  ensureSystemPackages,
  INSTALL_TIMEOUT_MS,
  systemPrograms,
} from "../../support/system-packages.ts";
import { type ShutdownClose, RETRY_TIME } from "./shutdown-close.ts";

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** What a page keeps of its connection. */
interface InPage {
  readonly sluice: {
    readonly client: WebSocket;
    readonly closed: Promise<ShutdownClose>;
  };
}

describe("Chromium", () => {
  let directory: string;
  let browser: BrowserContext;
  let page: Page;

  beforeAll(async () => {
    await ensureSystemPackages(["chromium"]);
    directory = await mkdtemp(join(tmpdir(), "sluice-chromium-"));
    browser = await chromium.launchPersistentContext(directory, {
      executablePath: systemPrograms.chromium,
      headless: true,
      args: FLAGS,
    });
    page = await browser.newPage();
  }, INSTALL_TIMEOUT_MS);

  afterAll(async () => {
    await browser.close();
    await rm(directory, { recursive: true, force: true });
  });

  /** Opens a WebSocket in the page, which keeps it. */
  const open = async (port: number, path = "/echo"): Promise<string> =>
    await page.evaluate(async (url) => {
      const client = new WebSocket(url);
      client.binaryType = "arraybuffer";
      const closed = new Promise<object>((resolve) => {
        client.addEventListener("close", ({ code, reason, wasClean }) =>
          resolve({ code, reason, wasClean }),
        );
      });
      Object.assign(globalThis, { sluice: { client, closed } });
      return await new Promise<string>((resolve) => {
        client.addEventListener("open", () => resolve("open"));
        client.addEventListener("error", () => resolve("error"));
      });
    }, `ws://127.0.0.1:${port}${path}`);

  const closed = async (): Promise<ShutdownClose> =>
    await page.evaluate(
      async () => await (globalThis as unknown as InPage).sluice.closed,
    );

  it("connects, echoes text and bytes, and closes", async () => {
    const server = await startServer();
    expect(await open(server.port)).toBe("open");
    const echoes = await page.evaluate(async () => {
      const { client } = (globalThis as unknown as InPage).sluice;
      const echo = async (data: string | Uint8Array<ArrayBuffer>) => {
        client.send(data);
        return await new Promise<unknown>((resolve) => {
          client.addEventListener("message", (event) => resolve(event.data), {
            once: true,
          });
        });
      };
      const bytes = Uint8Array.from({ length: 70_000 }, (_, i) => i % 251);
      const text = await echo("grüße, κόσμε 👋");
      const binary = new Uint8Array((await echo(bytes)) as ArrayBuffer);
      client.close(4000, "done");
      return { text, same: String(binary) === String(bytes) };
    });
    expect(echoes).toEqual({ text: "grüße, κόσμε 👋", same: true });
    expect(await closed()).toMatchObject({ code: 4000, wasClean: true });
    expect((await server.shutdown()).outcomes).toMatchObject({ clean: 1 });
  });

  it("speaks compressed where the server offers it", async () => {
    const server = await startServer({ compression: true });
    expect(await open(server.port)).toBe("open");
    const answer = await page.evaluate(async () => {
      const { client } = (globalThis as unknown as InPage).sluice;
      client.send("again and ".repeat(10_000));
      const length = await new Promise<number>((resolve) => {
        client.addEventListener("message", ({ data }) => {
          resolve((data as string).length);
        });
      });
      return { length, extensions: client.extensions };
    });
    expect(answer.length).toBe(100_000);
    expect(answer.extensions).toMatch(/^permessage-deflate/);
    const { outcomes } = await server.shutdown();
    expect(outcomes).toMatchObject({ clean: 1 });
  });

  it("is told the shutdown's code and its own time to come back", async () => {
    const server = await startServer();
    expect(await open(server.port)).toBe("open");
    const { outcomes } = await server.shutdown();
    expect(await closed()).toEqual({
      code: 1001,
      reason: expect.stringMatching(RETRY_TIME),
      wasClean: true,
    });
    expect(outcomes).toMatchObject({ clean: 1 });
  });

  it("sees a refusal as a failure, and nothing more", async () => {
    const server = await startServer();
    expect(await open(server.port, "/refuse?status=403")).toBe("error");
    expect(await closed()).toEqual({ code: 1006, reason: "", wasClean: false });
    const { outcomes } = await server.shutdown();
    expect(outcomes).toMatchObject({ rejected: 1 });
  });

  it("is let in from another origin only where the server says so", async () => {
    const server = await startServer({ origins: "same" });
    await page.goto(`http://127.0.0.1:${server.port}/`);
    expect(await open(server.port)).toBe("open");
    await page.goto("data:text/html,elsewhere");
    expect(await open(server.port)).toBe("error");
    await page.goto("about:blank");
    expect((await server.shutdown()).balanced).toBe(true);
  });
});
