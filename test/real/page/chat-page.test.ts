import { once } from "node:events";
import { join } from "node:path";
import { type Browser, chromium, type Page } from "playwright-core";
import {
  afterAll,
  beforeAll,
  describe,
  expect,
  it,
  onTestFinished,
} from "vitest";
import { WebSocket } from "ws";
import { ensureBuilt, root } from "../../support/built.ts";
import { Line } from "../../support/line.ts";
import { type Program, runProgram } from "../../support/program.ts";
import {
  ensureSystemPackages,
  INSTALL_TIMEOUT_MS,
  systemPrograms,
} from "../../support/system-packages.ts";
import { until, within } from "../../support/within.ts";

const PATIENCE_MS = 15_000;
/** The server's heartbeat, what a tick may be late, and how long an answer is awaited. */
const DEAD_AFTER_MS = 30_000 + 5_000 + 5_000;

/** The example as its users run it, behind a line that a test makes bad. */
class Chat {
  readonly line: Line;
  readonly origin: string;
  readonly #chatPort: number;
  #program: Program;

  private constructor(
    program: Program,
    line: Line,
    origin: string,
    chatPort: number,
  ) {
    this.#program = program;
    this.line = line;
    this.origin = origin;
    this.#chatPort = chatPort;
  }

  static async open(): Promise<Chat> {
    const program = Chat.#run("0", "0");
    const [, origin = ""] = await program.printed(/Talk at (\S+)/);
    const text = await (await fetch(origin)).text();
    const port = Number(/ws:\/\/[^:]+:(\d+)/.exec(text)?.[1]);
    return new Chat(program, await Line.lay(port), origin, port);
  }

  static #run(pagePort: string, chatPort: string): Program {
    return runProgram([join(root, "examples/chat/server.ts")], {
      PAGE_PORT: pagePort,
      SLUICE_PORT: chatPort,
      SLUICE_WORKERS: "1",
    });
  }

  /** As its operator stops it. */
  async stop(): Promise<void> {
    this.#program.child.kill("SIGTERM");
    expect(await within("the chat to end", this.#program.ended)).toBe(0);
  }

  async startAgain(): Promise<void> {
    const { port } = new URL(this.origin);
    this.#program = Chat.#run(port, String(this.#chatPort));
    await this.#program.printed(/Talk at/);
  }

  /** Somebody else in the room, whose line is a good one. */
  async friend(): Promise<{
    say(text: string): void;
    hears(text: string): Promise<true>;
  }> {
    const socket = new WebSocket(
      `ws://127.0.0.1:${this.#chatPort}/chat/lobby`,
      { headers: { Origin: this.origin } },
    );
    onTestFinished(() => socket.terminate());
    const heard: string[] = [];
    socket.on("message", (data: Buffer) => heard.push(data.toString()));
    await within("a friend to come", once(socket, "open"));
    return {
      say: (text) => socket.send(JSON.stringify({ name: "friend", text })),
      hears: async (text) =>
        await until(`a friend hears ${text}`, () =>
          heard.some((each) => each.includes(text)),
        ),
    };
  }
}

describe("the chat in Chromium", () => {
  let browser: Browser;

  beforeAll(async () => {
    await Promise.all([ensureBuilt(), ensureSystemPackages(["chromium"])]);
    browser = await chromium.launch({
      executablePath: systemPrograms.chromium,
      args: [
        ...(process.getuid?.() === 0 ? ["--no-sandbox"] : []),
        // A page that a test has touched is a stranger's to it.
        "--disable-features=LocalNetworkAccessChecks",
      ],
    });
  }, INSTALL_TIMEOUT_MS);
  afterAll(() => browser.close());

  /** A user at the chat, on the bad line; what the user sees and does. */
  async function visit(chat: Chat) {
    const context = await browser.newContext();
    onTestFinished(() => context.close());
    const page = await context.newPage();
    page.setDefaultTimeout(PATIENCE_MS);
    await page.clock.install();
    await page.route(`${chat.origin}/`, async (route) => {
      const response = await route.fetch();
      const text = await response.text();
      const body = text.replace(/(ws:\/\/[^:]+):\d+/, `$1:${chat.line.port}`);
      await route.fulfill({ response, body });
    });
    await page.goto(chat.origin);
    const user = {
      context,
      page,
      /** Waits until the page says that it is so. */
      is: async (state: RegExp | string) =>
        await page.getByRole("status").filter({ hasText: state }).waitFor(),
      sees: async (text: string) => await page.getByText(text).waitFor(),
      says: async (text: string) => {
        await page.locator("#text").fill(text);
        await page.locator("#text").press("Enter");
      },
    };
    await user.is("connected");
    return user;
  }

  /** All that the status line says from now on, in order. */
  async function watchStatus(page: Page): Promise<() => Promise<string[]>> {
    await page.evaluate(() => {
      const said: string[] = [];
      const line = document.querySelector("#state") as Node;
      new MutationObserver(() => said.push(line.textContent ?? "")).observe(
        line,
        { childList: true },
      );
      Object.assign(globalThis, { said });
    });
    return async () =>
      await page.evaluate(
        () => (globalThis as unknown as { said: string[] }).said,
      );
  }

  it("comes back to a restarted server at its own time, and says what was typed meanwhile", async () => {
    const chat = await Chat.open();
    const { page, is, says, sees } = await visit(chat);
    await says("before");
    await sees("before");
    const statusSince = await watchStatus(page);
    await chat.stop();
    await is(/^away \(1001\), back in \d/);
    await says("meanwhile");
    await chat.startAgain();
    await is("connected");
    await sees("meanwhile");
    await sees("You were away from");
    const [told = ""] = await statusSince();
    // Told by the server that went, and kept.
    expect(told).toMatch(/^away \(1001\), back in \d+\.\d s$/);
  });

  it("leaves a line that is a black hole, and is back as soon as there is another way", async () => {
    const chat = await Chat.open();
    const friend = await chat.friend();
    const { page, is, says, sees } = await visit(chat);
    chat.line.stall();
    // The platform takes it, and the line does not: nobody is told.
    await says("into the hole");
    await page.clock.runFor(DEAD_AFTER_MS - 2_000);
    await is("connected");
    await page.clock.runFor(4_000);
    await is(/^away \(1006\)/);
    // The dead line is left, not waited for: the next attempt is under way.
    await page.clock.runFor(1_000);
    const triesAgain = (): boolean => chat.line.attempts === 2;
    expect(await until("it tries again", triesAgain)).toBe(true);
    await says("out of it");
    chat.line.restore();
    await is("connected");
    await friend.hears("out of it");
    friend.say("welcome back");
    await sees("welcome back");
  });

  it("stays connected when the network goes and comes while its line holds", async () => {
    const chat = await Chat.open();
    const friend = await chat.friend();
    const { context, page, is, sees } = await visit(chat);
    const statusSince = await watchStatus(page);
    await context.setOffline(true);
    await context.setOffline(false);
    friend.say("still there?");
    await sees("still there?");
    await page.clock.runFor(6_000);
    await is("connected");
    expect(await statusSince()).toEqual([]);
    expect(chat.line.attempts).toBe(1);
  });

  it("tries nothing while there is no network, and at once when it is back", async () => {
    const chat = await Chat.open();
    const { context, page, is } = await visit(chat);
    await context.setOffline(true);
    chat.line.cut();
    await is(/^away \(1006\)/);
    const { attempts } = chat.line;
    await page.clock.runFor(50_000);
    expect(chat.line.attempts).toBe(attempts);
    await context.setOffline(false);
    await is("connected");
    expect(chat.line.attempts).toBe(attempts + 1);
  });

  it("is a client in a web worker, too", async () => {
    const chat = await Chat.open();
    const { page, sees } = await visit(chat);
    const url = `ws://127.0.0.1:${chat.line.port}/chat/lobby`;
    const states = await page.evaluate(
      async ([module, address]) => {
        const script = `
          import { connect } from "${module}";
          const client = connect("${address}", { heartbeat: true });
          client.addEventListener("open", () => {
            client.send(JSON.stringify({ name: "worker", text: "here" }));
            postMessage(client.state);
          });`;
        const type = "text/javascript";
        const worker = new Worker(
          URL.createObjectURL(new Blob([script], { type })),
          { type: "module" },
        );
        return await new Promise<unknown>((resolve) => {
          worker.addEventListener("message", ({ data }) => resolve(data));
        });
      },
      [`${chat.origin}/client/index.js`, url] as const,
    );
    expect(states).toBe("open.healthy");
    await sees("worker: here");
  });

  /** Stops the pages' processes, as a system that sleeps does: not the browser's own. */
  async function freeze(): Promise<{ readonly thaw: () => void }> {
    const devtools = await browser.newBrowserCDPSession();
    const { processInfo } = await devtools.send("SystemInfo.getProcessInfo");
    await devtools.detach();
    const pages = processInfo.filter(({ type }) => type === "renderer");
    const tell = (signal: NodeJS.Signals): void => {
      for (const { id } of pages) process.kill(id, signal);
    };
    let isFrozen = true;
    const thaw = (): void => {
      // Once: a process that has gone on may have ended since.
      if (isFrozen) tell("SIGCONT");
      isFrozen = false;
    };
    onTestFinished(thaw);
    tell("SIGSTOP");
    return { thaw };
  }

  it("that was frozen for an hour hears what has come, and is still there", async () => {
    const chat = await Chat.open();
    const friend = await chat.friend();
    const { page, sees } = await visit(chat);
    const statusSince = await watchStatus(page);
    const { thaw } = await freeze();
    friend.say("while you slept");
    await friend.hears("while you slept");
    thaw();
    // All that should have happened meanwhile is due at once.
    await page.clock.fastForward(3_600_000);
    await sees("while you slept");
    // It asks now, and hears in time.
    await page.clock.runFor(1_500);
    friend.say("awake?");
    await sees("awake?");
    await page.clock.runFor(10_000);
    expect(await statusSince()).toEqual([]);
    expect(chat.line.attempts).toBe(1);
  });

  it("that was frozen finds out within five seconds of waking that nobody is there any more", async () => {
    const chat = await Chat.open();
    const { page, is } = await visit(chat);
    const { thaw } = await freeze();
    chat.line.stall();
    thaw();
    await page.evaluate(() => window.dispatchEvent(new Event("focus")));
    await page.clock.runFor(4_000);
    await is("connected");
    const statusSince = await watchStatus(page);
    await page.clock.runFor(2_000);
    await is(/^away \(1006\)/);
    expect((await statusSince())[0]).toMatch(/^away \(1006\)/);
  });
});
