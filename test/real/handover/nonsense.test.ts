import { describe, expect, it } from "vitest";
import { endWithTest, Generations, gone } from "./generations.ts";
import { judgeTalkers, openTalkers } from "./talkers.ts";

const CLIENTS = 20;
/** Of what it says once, so much is of no known shape. */
const MALFORMED = 11;
const PRELOAD = new URL("speaks-nonsense.ts", import.meta.url).href;

/** A server whose processes say nonsense to each other. */
function begin(how: "" | "?alone", args: string[] = []): Promise<Generations> {
  return Generations.begin(args, ["--import", `${PRELOAD}${how}`]);
}

async function dropped(server: Generations): Promise<number> {
  const [, url] = await server.logged(/inspector at (http:[^"]*)/);
  const text = await (await fetch(`${url}/metrics`)).text();
  const [, count] =
    /^sluice_malformed_messages_total\{[^}]*"process"\} (\d+)$/m.exec(text) ??
    [];
  return Number(count);
}

describe("a process that says nonsense", () => {
  it("beside what it has to say is heard all the same, and what it said is dropped, counted and logged, in both", async () => {
    const server = await begin("");
    const talkers = await openTalkers(server.command.port, CLIENTS);
    const old = server.pid;
    await server.upgrade();
    for (const pid of [old, server.pid])
      await server.logged(/"event":"malformed","border":"process"/, pid);
    expect(await dropped(server)).toBe(MALFORMED);
    expect(await judgeTalkers(talkers)).toEqual({
      closed: 0,
      wrong: 0,
      unanswered: 0,
    });
    const [newcomer] = await openTalkers(server.command.port, 1);
    expect(newcomer?.isContent).toBe(true);
  });

  it("instead of what it has to say does not take over: the old one says why, and goes on", async () => {
    const server = await begin("?alone", ["--start-deadline", "5s"]);
    const talkers = await openTalkers(server.command.port, CLIENTS);
    process.kill(server.pid, "SIGUSR2");
    const [, next] = await server.command.logged(
      new RegExp(
        `"pid":(?!${server.pid},)(\\d+),"hostname"[^\\n]*"taking-over"`,
      ),
      45_000,
    );
    endWithTest(Number(next));
    const [line] = await server.logged(/"event":"rolled-back"[^\n]*/);
    expect(line).toContain('did not say \\"hello\\" in 5000 ms');
    await gone(Number(next));
    expect(await dropped(server)).toBe(MALFORMED);
    expect(await judgeTalkers(talkers)).toEqual({
      closed: 0,
      wrong: 0,
      unanswered: 0,
    });
    process.kill(server.pid, "SIGTERM");
    const { report } = await server.command.ended;
    expect(report).toMatchObject({ opened: CLIENTS, balanced: true });
  });
});
