import { execFile } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import {
  type Browser,
  type BrowserContextOptions,
  chromium,
  type Page,
} from "playwright-core";
import { afterAll, beforeAll, expect, onTestFinished } from "vitest";
import type { AdminAddress } from "../../../src/index.ts";
import {
  ensureSystemPackages,
  INSTALL_TIMEOUT_MS,
  systemPrograms,
} from "../../support/system-packages.ts";

const root = new URL("../../../", import.meta.url);
/** Set it to have the pictures of the documents taken anew. */
const wantsPictures = process.env["SLUICE_PICTURES"] === "1";
const PATIENCE_MS = 15_000;

let browser: Browser;

/** Builds the page and starts Debian's Chromium, for the tests of this file. */
export function useBrowser(): void {
  beforeAll(async () => {
    await ensureSystemPackages(["chromium"]);
    const script = fileURLToPath(new URL("scripts/build-inspector.ts", root));
    await promisify(execFile)(process.execPath, [script]);
    browser = await chromium.launch({
      executablePath: systemPrograms.chromium,
      // Chromium refuses to run as root inside its sandbox, as it would in most CI.
      args: process.getuid?.() === 0 ? ["--no-sandbox"] : [],
    });
  }, INSTALL_TIMEOUT_MS);
  afterAll(() => browser.close());
}

/**
 * Opens a view of the inspector. The test fails when the page logs an error,
 * breaks its own Content-Security-Policy, or asks for anything from elsewhere.
 */
export async function open(
  address: AdminAddress | undefined,
  hash = "",
  options: BrowserContextOptions = {},
): Promise<Page> {
  const base = `http://${address?.host}:${address?.port}`;
  const context = await browser.newContext({
    viewport: { width: 1440, height: 900 },
    ...options,
  });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  const problems: string[] = [];
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("console", (message) => {
    // What the server refuses is shown on the page; what it cannot answer, too.
    const isExpected = /Failed to load resource/.test(message.text());
    if (message.type() === "error" && !isExpected)
      problems.push(message.text());
  });
  page.on("request", (request) => {
    if (!request.url().startsWith(base)) problems.push(request.url());
  });
  onTestFinished(async () => {
    await context.close();
    expect(problems).toEqual([]);
  });
  await page.goto(`${base}/${hash}`);
  return page;
}

/** Takes a picture for the documents, when pictures are wanted. */
export async function picture(
  page: Page,
  name: string,
  isWhole = false,
): Promise<void> {
  if (!wantsPictures) return;
  const folder = fileURLToPath(new URL("docs/images/", root));
  await mkdir(folder, { recursive: true });
  await page.screenshot({
    path: `${folder}inspector-${name}.png`,
    fullPage: isWhole,
    animations: "disabled",
  });
}
