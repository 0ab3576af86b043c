import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { channels, serve } from "../../../src/index.ts";
import { overhear } from "../../support/diagnostics.ts";
import { VALUES } from "../../support/hostile-handlers.ts";
import { RawClient } from "../../support/raw-client.ts";
import { shareServer } from "../../support/server.ts";
import { within } from "../../support/within.ts";

const HANDLERS = fileURLToPath(
  new URL("../../support/hostile-handlers.ts", import.meta.url),
);
const WAYS = ["throw", "reject", "then"];

describe("a hook that throws what nobody can describe", () => {
  const failures = overhear(channels.handlerError, "suite");
  const server = shareServer({ handlers: HANDLERS });

  /** What was said of the hook's failure. */
  async function failureOf(hook: string): Promise<unknown> {
    const { error } = await failures.said({ hook });
    failures.clear();
    return error;
  }

  const cases = VALUES.flatMap((value) => WAYS.map((how) => [value, how]));

  it.each(cases)("fails for itself alone: %s, %s", async (value, how) => {
    failures.clear();
    const bystander = await RawClient.open(server().port, "/echo");
    const stranger = await RawClient.connect(server().port);
    const { status } = await stranger.upgrade(`/authorize/${value}/${how}`);
    expect(status).toBe(500);
    const described = [await failureOf("authorize")];
    const visitor = await RawClient.open(
      server().port,
      `/opened/${value}/${how}`,
    );
    expect((await visitor.closed()).code).toBe(1011);
    described.push(await failureOf("opened"));
    const speaker = await RawClient.open(
      server().port,
      `/message/${value}/${how}`,
    );
    speaker.send("now");
    expect((await speaker.closed()).code).toBe(1011);
    described.push(await failureOf("message"));
    const told = await RawClient.open(
      server().port,
      `/draining/${value}/${how}`,
    );
    const { done } = server().drain({ pathPrefix: "/draining" });
    expect((await told.closed()).code).toBe(1001);
    await done;
    described.push(await failureOf("draining"));
    const leaver = await RawClient.open(
      server().port,
      `/closed/${value}/${how}`,
    );
    leaver.sendClose();
    await within("the end of TCP", leaver.ended);
    described.push(await failureOf("closed"));
    for (const error of described)
      expect(error).toMatchObject({
        name: expect.any(String),
        message: expect.any(String),
      });
    bystander.send("still here");
    expect(await bystander.message()).toBe("still here");
    expect(server().stats().ledger.outcomes.crashed).toBe(0);
  });

  it("says what was behind it", async () => {
    failures.clear();
    const client = await RawClient.connect(server().port);
    await client.upgrade("/authorize/caused/reject");
    expect(await failureOf("authorize")).toMatchObject({
      message: "outside",
      cause: { message: "inside", code: "EINSIDE" },
    });
  });
});

describe("what nobody catches and nobody can describe", () => {
  const deaths = overhear(channels.shard, "suite");
  const server = shareServer({ handlers: HANDLERS });

  // Not all of them: each death makes the shard wait longer.
  const worst = ["nothing", "bare", "proxy"];

  it.each(worst)("ends its shard, which is replaced: %s", async (value) => {
    deaths.clear();
    const client = await RawClient.open(server().port, `/late/${value}`);
    client.send("now");
    await within("its end", client.ended);
    await deaths.said({ event: "died", crashed: 1 });
    await deaths.said({ event: "started" });
    expect(server().stats().ledger.live).toBe(0);
  });
});

describe("a shard whose handlers cannot start", () => {
  it.each([
    ["throw Object.create(null);", "[Object: null prototype] {}"],
    ["throw undefined;", "undefined"],
    ["throw Symbol('why');", "Symbol(why)"],
    [
      "throw new AggregateError([new Error('v6 refused'), new Error('v4 refused')]);",
      "v6 refused: v4 refused",
    ],
    [
      "throw new Error('no database', { cause: Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }) });",
      "no database: refused (ECONNREFUSED)",
    ],
    [
      "throw Object.assign(new Error(''), { message: () => {} });",
      "[Function: message]",
    ],
  ])("says why, whatever was thrown: %s", async (statement, why) => {
    for (const source of [
      statement,
      `export default { started() { ${statement} } };`,
      `export default { async started() { ${statement} } };`,
    ])
      await expect(
        serve({
          port: 0,
          workers: 1,
          handlers: `data:text/javascript,${encodeURIComponent(source)}`,
        }),
      ).rejects.toMatchObject({
        name: "SluiceError",
        message: expect.stringContaining(why),
      });
  });
});
