import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";
import { describe, expect, it } from "vitest";
import type { WebSocket } from "ws";
import { callAdmin, connect } from "../admin/call-admin.ts";
import type { ShutdownPart, ShutdownReport } from "../../../src/index.ts";
import { serveCommand } from "../../support/command.ts";
import { startServer } from "../../support/server.ts";
import { machineDeployment } from "../handover/machine-versions.ts";
import { open, picture, useBrowser } from "./browser.ts";

const ADMIN = {
  admin: true,
  adminPort: 0,
  workers: 2,
  heartbeatIntervalMs: 0,
} as const;
const MOVABLE = fileURLToPath(new URL("../admin/movable.ts", import.meta.url));
const TOPICS = fileURLToPath(
  new URL("../topics/topic-service.ts", import.meta.url),
);
const INSPECTOR_URL = /"event":"inspector","url":"http:\/\/127\.0\.0\.1:(\d+)"/;
const VIEWS = [
  "",
  "#/shards",
  "#/connections",
  "#/topics",
  "#/events",
  "#/time",
  "#/shutdown",
];

type Server = Awaited<ReturnType<typeof startServer>>;

async function connectMany(
  server: Server,
  count: number,
  path = "/echo",
): Promise<WebSocket[]> {
  const clients: WebSocket[] = [];
  for (let at = 0; at < count; at++) clients.push(await connect(server, path));
  return clients;
}

/** What the chart says of a state. */
function countOf(page: Page, state: string) {
  return page.locator(`[data-state="${state}"] .count`);
}

/** Waits until the chart says so many of a state, or at least so many. */
async function waitForCount(
  page: Page,
  state: string,
  wanted: { exactly: number } | { atLeast: number },
): Promise<void> {
  await page.waitForFunction(
    ([id, least, most]) => {
      const face = document.querySelector(`[data-state="${id}"] .count`);
      const count = Number(face?.textContent);
      return count >= least && count <= most;
    },
    "exactly" in wanted
      ? ([state, wanted.exactly, wanted.exactly] as const)
      : ([state, wanted.atLeast, Number.MAX_SAFE_INTEGER] as const),
  );
}

describe("the inspector in a browser", () => {
  useBrowser();

  it("shows connects and closes within a second", async () => {
    const server = await startServer(ADMIN);
    const page = await open(server.adminAddress);
    await page.getByText("listening", { exact: true }).first().waitFor();
    /** Milliseconds until the page shows so many open connections. */
    const untilShown = async (count: number): Promise<number> => {
      const since = performance.now();
      const text = new RegExp(`^${count}$`);
      await countOf(page, "open.healthy").filter({ hasText: text }).waitFor();
      return performance.now() - since;
    };
    const connects: number[] = [];
    const closes: number[] = [];
    const areShownInTime = (): boolean =>
      [connects, closes].every((times) => Math.min(...times) < 1_000);
    // A busy machine may hold the browser back once, or twice.
    for (let round = 0; round < 5 && !areShownInTime(); round++) {
      const clients = await connectMany(server, 7);
      connects.push(await untilShown(7));
      for (const client of clients) client.close();
      closes.push(await untilShown(0));
    }
    expect(Math.min(...connects)).toBeLessThan(1_000);
    expect(Math.min(...closes)).toBeLessThan(1_000);
    await page
      .locator('[data-outcome="clean"]')
      .getByText(String(7 * closes.length), { exact: true })
      .first()
      .waitFor();
  });

  it("lists the connections of a state that is clicked", async () => {
    const server = await startServer(ADMIN);
    await connectMany(server, 3);
    const page = await open(server.adminAddress);
    await page
      .getByRole("link", { name: "open.healthy: 3 connections" })
      .click();
    await page.locator("table.list tbody tr").nth(2).waitFor();
    expect(new URL(page.url()).hash).toBe("#/connections?state=open.healthy");
    expect(await page.getByLabel("State").inputValue()).toBe("open.healthy");
    expect(await page.locator("table.list tbody tr").count()).toBe(3);
    await page.getByLabel("State").selectOption("draining");
    await page.getByText("No connection is like that").waitFor();
  });

  it("draws the machine of the handlers, whatever its states are called, and follows it", async () => {
    const { file, deploy } = await machineDeployment();
    await deploy("<img src=x onerror=alert(1)>");
    const server = await startServer({ ...ADMIN, handlers: file });
    const clients = await connectMany(server, 3, "/");
    const page = await open(server.adminAddress);
    await page.getByRole("link", { name: "yours" }).click();
    await page
      .getByLabel("<img src=x onerror=alert(1)>: 3 connections")
      .waitFor();
    expect(await page.locator("img").count()).toBe(0);
    clients[0]?.send("work");
    await page.getByLabel("working: 1 connection").waitFor();
    const shown = await open(server.adminAddress, "#/connections/c1");
    await shown.locator('[data-state="working"].lit').waitFor();
    await shown.locator('[data-state="open.healthy"].lit').waitFor();
    clients[0]?.send("count");
    await shown.getByText("your machine: count").waitFor();
  });

  it("shows each transition of a followed connection, in order", async () => {
    const server = await startServer(ADMIN);
    const client = await connect(server, "/echo?room=1&token=s3cret");
    const closed = once(client, "close");
    const id = (await callAdmin(server, "/api/connections")).json<{
      rows: { id: string }[];
    }>().rows[0]?.id;
    const page = await open(server.adminAddress, `#/connections/${id}`);
    await page.locator('[data-state="open.healthy"].lit').waitFor();
    await page.getByText("Nothing since you look").waitFor();
    client.send("hello");
    await once(client, "message");
    await page
      .getByText(/^1 message, \d+ B$/)
      .first()
      .waitFor();
    await page.getByText("Request", { exact: true }).click();
    await page.getByText("/echo?room=1&token=(hidden)").waitFor();
    await page.getByRole("button", { name: "Close…" }).click();
    await page.getByLabel("Code").fill("4004");
    await page.getByLabel("Reason").fill("seen enough");
    await page.getByRole("button", { name: "Close it" }).click();
    const [code] = await closed;
    expect(code).toBe(4004);
    await page.locator('[data-state="terminated"].lit').waitFor();
    const log = await page.locator(".log li").allInnerTexts();
    const ways = log.map((entry) => /\S+ → \S+/.exec(entry)?.[0]);
    expect(ways.toReversed()).toEqual([
      "open.healthy → closing",
      "closing → draining.flushing",
      "draining.flushing → draining.awaiting",
      "draining.awaiting → draining.concluding",
      "draining.concluding → terminated",
    ]);
    expect(await page.getByText("ended: clean").count()).toBe(1);
    await picture(page, "connection");
  });

  it("moves a shard's population through its states as it is drained, while the other serves", async () => {
    const server = await startServer({ ...ADMIN, shutdownDeadlineMs: 3_000 });
    // They take turns: every other one is on the first shard.
    const talkative = await connectMany(server, 20, "/last-word?ms=1200");
    const silent = await connectMany(server, 10);
    for (const client of silent) client.pause();
    const ends = talkative.map((client) => once(client, "close"));

    const page = await open(server.adminAddress, "#/shards");
    await picture(page, "shards");
    const card = page.locator('[data-shard="0"]');
    await card.getByRole("button", { name: "Drain…" }).click();
    await page.getByRole("dialog").getByText("15 connections").waitFor();
    await page
      .getByRole("dialog")
      .getByRole("button", { name: "Drain" })
      .click();
    await card.getByText("serving.suspended").waitFor();
    await page.getByRole("link", { name: "Chart" }).click();
    await waitForCount(page, "closing", { atLeast: 1 });
    await waitForCount(page, "draining", { atLeast: 1 });
    await picture(page, "drain", true);
    // Those on the other shard take no notice.
    const other = await connect(server);
    other.send("still there?");
    await once(other, "message");
    await waitForCount(page, "draining", { exactly: 0 });
    await waitForCount(page, "open", { exactly: 16 });
    const outcomes = await page.locator("[data-outcome]").allInnerTexts();
    expect(outcomes.map((row) => row.split(/\s+/).filter(Boolean))).toEqual(
      expect.arrayContaining([
        ["clean", expect.any(String), "10"],
        ["unacknowledged", expect.any(String), "5"],
      ]),
    );
    expect(server.stats().shards[1]?.connections).toBe(16);
    await page.getByRole("link", { name: "Shards" }).click();
    await page.getByText("15 connections told, all ended").waitFor();
    await card.getByRole("button", { name: "Resume" }).click();
    await page
      .getByRole("dialog")
      .getByRole("button", { name: "Resume" })
      .click();
    await card.getByText("serving.accepting").waitFor();
    await server.shutdown();
    await Promise.all(ends);
  });

  it("shows what has happened before one looked, and what happens", async () => {
    const server = await startServer({
      ...ADMIN,
      handlers: fileURLToPath(new URL("../admin/failing.ts", import.meta.url)),
    });
    const fail = async (): Promise<void> => {
      const client = await connect(server, "/");
      const closed = once(client, "close");
      client.send("fail");
      await closed;
    };
    await fail();
    const page = await open(server.adminAddress, "#/events");
    await page.getByText("handler failed").waitFor();
    await page.getByText("Error: it fails").first().click();
    await page
      .getByText(/failing\.ts:\d+/)
      .first()
      .waitFor();
    await fail();
    await page.getByText(/^\s*2 times since/).waitFor();
    expect(await page.getByText("handler failed").count()).toBe(1);
    const restarted = server.restartShard(1);
    await page.getByText("shard 1 is being replaced").waitFor();
    await restarted;
    await page.getByLabel("Only what went wrong").check();
    await page
      .getByText("shard 1 is being replaced")
      .waitFor({ state: "detached" });
    await page.getByText("handler failed").waitFor();
  });

  it("shows topics with who subscribes, and publishes by hand once that is confirmed", async () => {
    const server = await startServer({ ...ADMIN, handlers: TOPICS });
    const clients = await connectMany(server, 3, "/");
    for (const client of clients) {
      const done = once(client, "message");
      client.send(JSON.stringify({ do: "subscribe", topic: "chat/<b>1</b>" }));
      await done;
    }
    const page = await open(server.adminAddress, "#/topics");
    await page.getByText("0: 2, 1: 1").waitFor();
    await page.getByRole("link", { name: "chat/<b>1</b>" }).click();
    await page.getByRole("button", { name: "Publish…" }).click();
    const dialog = page.getByRole("dialog", { name: "Publish a message?" });
    await dialog.getByLabel("Message").fill("from the operator");
    await dialog.getByRole("button", { name: "Cancel" }).click();
    await dialog.waitFor({ state: "detached" });
    await page.getByRole("button", { name: "Publish…" }).click();
    await dialog.getByLabel("Message").fill("from the operator");
    const heard = clients.map((client) => once(client, "message"));
    await dialog.getByRole("button", { name: "Publish" }).click();
    const texts = (await Promise.all(heard)).map(([data]) => String(data));
    expect(new Set(texts)).toEqual(new Set(["from the operator"]));
    const done = page.getByRole("dialog", { name: "Published" });
    await done.getByText("3 subscribers").waitFor();
    await picture(page, "topics");
    await done.getByRole("button", { name: "Close" }).click();
    await page.getByRole("link", { name: "Who subscribes to it" }).click();
    await page.locator("table.list tbody tr").nth(2).waitFor();
    expect(await page.locator("table.list tbody tr").count()).toBe(3);
  });

  it("evens the shards out when it is asked and the question is answered", async () => {
    const server = await startServer({ ...ADMIN, handlers: MOVABLE });
    await connectMany(server, 4, "/");
    await server.drain({ shard: 0, move: true }).done;
    const population = (): readonly number[] =>
      server.stats().shards.map(({ connections }) => connections);
    expect(population()).toEqual([0, 4]);
    const page = await open(server.adminAddress, "#/shards");
    await page.getByRole("button", { name: "Even out…" }).click();
    const dialog = page.getByRole("dialog", { name: "Even the shards out?" });
    await dialog.getByRole("button", { name: "Cancel" }).click();
    await dialog.waitFor({ state: "hidden" });
    expect(population()).toEqual([0, 4]);
    await page.getByRole("button", { name: "Even out…" }).click();
    await dialog.getByRole("button", { name: "Even out" }).click();
    await dialog.waitFor({ state: "hidden" });
    expect(population()).toEqual([2, 2]);
  });

  it("ends a shutdown with the ledger that the command prints", async () => {
    const command = await serveCommand([
      ...["--workers", "2", "--admin-port", "0"],
      ...["--shutdown-deadline", "3s", "--heartbeat-interval", "0"],
    ]);
    const [, adminPort] = await command.logged(
      /"event":"inspector","url":"http:\/\/127\.0\.0\.1:(\d+)"/,
    );
    const address = { host: "127.0.0.1", port: command.port };
    const clients = await connectMany(
      { address } as Server,
      12,
      "/last-word?ms=900",
    );
    // They never answer the close frame.
    for (const client of clients.slice(0, 4)) client.pause();
    const page = await open(
      { host: "127.0.0.1", port: Number(adminPort) },
      "#/shutdown",
    );
    await page.getByRole("button", { name: "Shut down…" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByText("12 connections").waitFor();
    await dialog.getByLabel("Reason").fill("a rehearsal");
    await dialog.getByRole("button", { name: "Shut down" }).click();
    await page.getByText("Shutting down (a rehearsal)").waitFor();
    await page
      .locator('[data-part="draining"] dd')
      .filter({ hasText: "4" })
      .waitFor();
    await picture(page, "shutdown");
    await page.getByText("Every connection is accounted for.").waitFor();
    await page.getByText("12 connections were live when it began").waitFor();
    const { report, status } = await command.ended;
    expect(status).toBe(0);
    const shown = Object.fromEntries(
      await page
        .locator("[data-ledger]")
        .evaluateAll((rows) =>
          rows.map((row) => [
            (row as HTMLElement).dataset["ledger"],
            [...row.querySelectorAll("td.number")].map(({ textContent }) =>
              Number(textContent),
            ),
          ]),
        ),
    ) as Record<string, number[]>;
    const numbersOf = ({
      outcomes: { rejected, clean, unacknowledged, forced, lost, crashed },
      closeCodes,
      accepted,
      probes,
      opened,
      movedIn,
      movedOut,
    }: ShutdownReport | ShutdownPart): Record<string, number> => ({
      ...{ accepted, rejected, probes, opened },
      ...{ "moved in": movedIn, "moved out": movedOut },
      ...{ clean, unacknowledged, forced, lost, crashed },
      ...closeCodes,
    });
    const now = numbersOf(report.shutdown);
    expect(shown).toEqual({
      ...Object.fromEntries(
        Object.entries(numbersOf(report)).map(([name, since]) => [
          name,
          [now[name] ?? 0, since],
        ]),
      ),
    });
    expect(shown).toMatchObject({
      opened: [0, 12],
      clean: [8, 8],
      unacknowledged: [4, 4],
    });
    await picture(page, "ledger");
  });

  it("calls a shutdown off", async () => {
    const server = await startServer({ ...ADMIN, shutdownDelayMs: 6_000 });
    const page = await open(server.adminAddress, "#/shutdown");
    await page.getByRole("button", { name: "Shut down…" }).click();
    await page
      .getByRole("dialog")
      .getByRole("button", { name: "Shut down" })
      .click();
    await page.getByRole("button", { name: "Call off" }).click();
    await page.getByRole("button", { name: "Shut down…" }).waitFor();
    expect(server.state).toBe("listening");
  });

  it("pages through very many, and says how many there are", async () => {
    const server = await startServer({ ...ADMIN, workers: 2 });
    await connectMany(server, 120);
    const page = await open(server.adminAddress, "#/connections");
    await page.getByText("1 to 50 of 120").waitFor();
    await page.getByRole("button", { name: "Next" }).click();
    await page.getByText("51 to 100 of 120").waitFor();
    await page.getByRole("button", { name: "Next" }).click();
    await page.getByText("101 to 120 of 120").waitFor();
    expect(await page.getByRole("button", { name: "Next" }).isDisabled()).toBe(
      true,
    );
    await page.getByRole("button", { name: "First" }).click();
    await page.getByText("1 to 50 of 120").waitFor();
    await page.getByRole("link", { name: "path" }).click();
    await page.locator('th[aria-sort="ascending"]').getByText("path").waitFor();
    await picture(page, "connections");
    // What is typed stays while the page goes on below it.
    const path = page.getByLabel("Path starts with");
    await path.pressSequentially("/nowhere", { delay: 250 });
    expect(await path.inputValue()).toBe("/nowhere");
    await path.press("Enter");
    await page.getByText("No connection is like that").waitFor();
    await page.getByRole("link", { name: "Show all connections" }).click();
    await page.getByText("1 to 50 of 120").waitFor();
    expect(await path.inputValue()).toBe("");
    await page.getByLabel("Find by id").fill("c7");
    await page.getByLabel("Find by id").press("Enter");
    await page.getByRole("heading", { name: "Connections / c7" }).waitFor();
  });

  it("shows what peers send as text", async () => {
    const server = await startServer(ADMIN);
    await connect(server, "/echo?x=<b>bold</b>", {
      "X-Markup": "<img src=x onerror=alert(1)>",
    });
    const page = await open(server.adminAddress, "#/connections/c1");
    await page.getByText("Request", { exact: true }).click();
    await page.getByText("<img src=x onerror=alert(1)>").waitFor();
    expect(await page.locator("img").count()).toBe(0);
  });

  it("says when it has lost the server, and goes on by itself when it is back", async () => {
    const command = await serveCommand(["--admin-port", "0"]);
    const [, port] = await command.logged(INSPECTOR_URL);
    const page = await open({ host: "127.0.0.1", port: Number(port) });
    const lamp = page.locator("header").getByRole("status");
    await lamp.getByText("listening").waitFor();
    command.kill("SIGKILL");
    await lamp.getByText("lost").waitFor();
    const banner = page.getByRole("alert");
    expect(await banner.innerText()).toMatch(/^The server does not answer/);
    await picture(page, "lost");
    const again = await serveCommand(["--admin-port", String(port)]);
    await lamp.getByText("listening").waitFor();
    expect(await banner.count()).toBe(0);
    expect(await page.getByText(`ws://127.0.0.1:${again.port}`).count()).toBe(
      1,
    );
  });

  it("shows an empty server calmly", async () => {
    const server = await startServer(ADMIN);
    const page = await open(server.adminAddress, "#/connections");
    const message = page.getByText("Nobody is connected");
    await message.waitFor();
    expect(await page.getByRole("alert").count()).toBe(0);
    await picture(page, "empty");
  });

  it("draws the last minutes, also those before one looked", async () => {
    const server = await startServer(ADMIN);
    const clients = await connectMany(server, 6);
    const page = await open(server.adminAddress, "#/time");
    for (const client of clients) client.send("hello");
    await page.getByText(/^healthy\s+6$/).waitFor();
    await page.locator(".plot").nth(3).locator("path.run").waitFor();
    const drawn = await page
      .locator(".plot")
      .evaluateAll((plots) =>
        plots.map((plot) => plot.querySelectorAll("path.run").length),
      );
    expect(drawn).toEqual([8, 1, 2, 1]);
  });

  it("asks for the token where one is set", async () => {
    const server = await startServer({
      ...ADMIN,
      adminToken: "correct-horse-battery",
    });
    const page = await open(server.adminAddress);
    await page.getByLabel("Token").fill("guess");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByText("That is not the token.").waitFor();
    await page.getByLabel("Token").fill("correct-horse-battery");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("status").getByText("listening").waitFor();
    const cookies = await page.context().cookies();
    expect(cookies).toMatchObject([{ httpOnly: true, sameSite: "Strict" }]);
  });

  it.each([320, 390, 768, 1024, 1920])(
    "fits a screen of %i pixels without scrolling sideways",
    async (width) => {
      const server = await startServer(ADMIN);
      await connectMany(server, 3);
      const page = await open(server.adminAddress, "", {
        viewport: { width, height: 800 },
      });
      for (const view of [...VIEWS, "#/connections/c1", "#/?machine=shard"]) {
        await page.evaluate((hash) => {
          location.hash = hash;
        }, view || "#/");
        await page.locator("main h2, main svg").first().waitFor();
        const overflow = await page.evaluate(
          () => document.documentElement.scrollWidth - innerWidth,
        );
        expect([view, overflow]).toEqual([view, 0]);
      }
      if (width === 390) {
        await page.goto(page.url().replace(/#.*/, ""));
        await page.locator("main svg").first().waitFor();
        await picture(page, "phone");
      }
    },
  );

  it.each(["light", "dark"] as const)(
    "can be read in %s colours",
    async (colorScheme) => {
      const server = await startServer(ADMIN);
      await connectMany(server, 4);
      const page = await open(server.adminAddress, "", { colorScheme });
      await countOf(page, "open.healthy").filter({ hasText: /^4$/ }).waitFor();
      await picture(page, `chart-${colorScheme}`, true);
      const ratios = await page.evaluate(() => {
        const style = getComputedStyle(document.documentElement);
        const luminance = (name: string): number => {
          const hex = style.getPropertyValue(`--${name}`).trim();
          const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
            const channel = parseInt(hex.slice(at, at + 2), 16) / 255;
            return channel <= 0.040_45
              ? channel / 12.92
              : ((channel + 0.055) / 1.055) ** 2.4;
          });
          return 0.2126 * r + 0.7152 * g + 0.0722 * b;
        };
        const pairs = [
          ...["text", "faint", "accent", "bad"].flatMap((name) => [
            [name, "surface"],
            [name, "ground"],
          ]),
          ["good", "good-tint"],
          ["warn", "warn-tint"],
          ["bad", "bad-tint"],
          ["on-accent", "accent"],
        ] as [string, string][];
        return pairs.map(([front, back]) => {
          const [low = 0, high = 0] = [
            luminance(front),
            luminance(back),
          ].toSorted((a, b) => a - b);
          return {
            pair: `${front} on ${back}`,
            ratio: (high + 0.05) / (low + 0.05),
          };
        });
      });
      // WCAG 2.2, 1.4.3: text needs 4.5 to 1.
      expect(ratios.filter(({ ratio }) => ratio < 4.5)).toEqual([]);
    },
  );

  it("can be used with the keyboard alone", async () => {
    const server = await startServer(ADMIN);
    await connect(server);
    const page = await open(server.adminAddress);
    await countOf(page, "open.healthy").filter({ hasText: /^1$/ }).waitFor();
    await page.keyboard.press("Tab");
    await page.getByRole("link", { name: "Skip to the content" }).waitFor();
    const focused = (): Promise<string> =>
      page.evaluate(
        () =>
          document.activeElement?.getAttribute("aria-label") ??
          document.activeElement?.textContent ??
          "",
      );
    for (let steps = 0; steps < 40; steps++) {
      if ((await focused()) === "open.healthy: 1 connection") break;
      await page.keyboard.press("Tab");
    }
    expect(await focused()).toBe("open.healthy: 1 connection");
    await page.keyboard.press("Enter");
    await page.getByRole("link", { name: "c1" }).waitFor();
    await page.getByRole("button", { name: "Close c1" }).press("Enter");
    await page.getByRole("dialog", { name: "Close c1?" }).waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    expect(server.stats().connections).toBe(1);
  });

  it("tells screen readers what the pictures show", async () => {
    const server = await startServer(ADMIN);
    await connect(server);
    const page = await open(server.adminAddress);
    await page
      .getByRole("link", { name: "open.healthy: 1 connection" })
      .waitFor();
    await page
      .getByRole("group", {
        name: "The connection machine with its live population",
      })
      .waitFor();
    await page
      .getByRole("table", { name: "Who is where" })
      .getByRole("row", { name: "healthy 1" })
      .waitFor();
    const nameless = await page
      .locator("button, a, input, select")
      .evaluateAll((elements) =>
        elements
          .filter(
            (element) =>
              (element.getAttribute("aria-label") ?? "") === "" &&
              (element.textContent ?? "").trim() === "" &&
              element.closest("label") === null,
          )
          .map((element) => element.outerHTML),
      );
    expect(nameless).toEqual([]);
  });
});
