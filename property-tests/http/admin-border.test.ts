import { request, Agent, type IncomingMessage } from "node:http";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import * as fc from "fast-check";
import { afterAll, describe, vi } from "vitest";
import { shareServer } from "../../test/support/shared-server.ts";
import { law } from "../support/laws.ts";

/** Every call that changes something, with the fields that it takes. */
const calls: Readonly<Record<string, readonly string[]>> = {
  "/api/drain": ["shard", "pathPrefix", "olderThanMs", "deadlineMs", "move"],
  "/api/resume": ["shard"],
  "/api/drains/1/call-off": [],
  "/api/shards/0/drain": ["deadlineMs", "move"],
  "/api/shards/1/resume": [],
  "/api/shards/0/restart": [],
  "/api/reload": [],
  "/api/upgrade": [],
  "/api/rebalance": [],
  "/api/connections/c1/close": ["code", "reason"],
  "/api/shutdown": ["deadlineMs", "reason"],
  "/api/shutdown/call-off": [],
  "/api/shutdown/force": [],
};

const operations = [
  ...(["drain", "resume", "restartShard", "reload", "upgrade"] as const),
  ...(["rebalance", "shutdown", "callOff", "force"] as const),
];

interface Request {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

const own = { "sluice-request": "1" };

/** No field of any call takes one of these. */
const wrongValues = fc.oneof(
  fc.constantFrom<unknown>(null, "", -1, 1.5, 1e300, [], {}, [0], "\0", "-1"),
  fc.array(fc.jsonValue(), { maxLength: 2 }),
  fc.dictionary(fc.string(), fc.jsonValue(), { maxKeys: 2 }),
);
const isJsonObject = (bytes: Uint8Array): boolean => {
  try {
    const read: unknown = JSON.parse(Buffer.from(bytes).toString());
    return typeof read === "object" && read !== null && !Array.isArray(read);
  } catch {
    return bytes.length === 0;
  }
};

/** What makes a call a wrong one. */
const mistakes = fc
  .constantFrom(...Object.entries(calls))
  .chain(([path, fields]): fc.Arbitrary<Request> => {
    const whole = { method: "POST", path, headers: own };
    const json = (body: unknown): Request => ({
      ...whole,
      body: Buffer.from(JSON.stringify(body)),
    });
    const unknown = fc
      .string({ maxLength: 80 })
      .filter((name) => !fields.includes(name));
    const known = fields.length === 0 ? unknown : fc.constantFrom(...fields);
    return fc.oneof(
      fc
        .tuple(unknown, fc.jsonValue())
        .map(([name, value]) => json(Object.fromEntries([[name, value]]))),
      fc
        .tuple(known, wrongValues)
        // A reason may be any text.
        .filter(
          ([name, value]) => !(name === "reason" && typeof value === "string"),
        )
        .map(([name, value]) => json(Object.fromEntries([[name, value]]))),
      fc
        .oneof(
          fc.uint8Array({ maxLength: 64 }),
          fc.json().map((written) => Buffer.from(written)),
        )
        .filter((bytes) => !isJsonObject(bytes))
        .map((bytes) => ({ ...whole, body: Buffer.from(bytes) })),
      fc
        .webQueryParameters({ size: "small" })
        .filter((query) => query !== "" && query !== "&")
        .map((query) => ({
          ...json({}),
          path: `${path}?x${query}`,
        })),
      fc
        .constantFrom("PUT", "PATCH", "DELETE", "OPTIONS", "GET", "HEAD")
        .map((method) => ({ ...json({}), method })),
      fc
        .constantFrom("image/png", "application/json;charset=latin1", "a, b")
        .map((type) => ({
          ...json({}),
          headers: { ...own, "content-type": type },
        })),
      fc
        .integer({ min: 16_385, max: 200_000 })
        .map((length) => ({ ...whole, body: Buffer.alloc(length, 0x20) })),
      fc.constant({ ...json({}), headers: {} }),
    );
  });

describe("malformed calls of the inspector", () => {
  const shared = shareServer({ admin: true, adminPort: 0, workers: 2 });
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  afterAll(() => agent.destroy());

  const ask = async ({ body, ...call }: Request): Promise<[number, string]> => {
    const { host, port } = shared.server.adminAddress ?? {};
    const headers = { ...call.headers, "content-length": String(body.length) };
    const outgoing = request({ host, port, agent, ...call, headers });
    outgoing.end(body);
    const [response] = (await once(outgoing, "response")) as [IncomingMessage];
    return [response.statusCode ?? 0, await text(response)];
  };
  const good: Request = {
    method: "POST",
    path: "/api/resume",
    headers: own,
    body: Buffer.from('{"shard":1}'),
  };

  law(
    "are refused with a reason, begin nothing, and the next call is heard on the same socket",
    fc.asyncProperty(mistakes, async (mistake) => {
      const { server } = shared;
      const begun = operations.map((name) => vi.spyOn(server, name));
      const [status, said] = await ask(mistake);
      const calledFor = begun.flatMap(({ mock }) => mock.calls);
      vi.restoreAllMocks();
      const seen = `${mistake.method} ${mistake.path} ${mistake.body.toString("latin1").slice(0, 200)}: ${status} ${said.slice(0, 200)}`;
      if (status < 400 || status > 499) throw new Error(seen);
      if (mistake.method !== "HEAD") {
        const { error } = JSON.parse(said) as { error: unknown };
        if (typeof error !== "string" || error === "") throw new Error(seen);
      }
      if (calledFor.length > 0)
        throw new Error(`${seen}, and began ${JSON.stringify(calledFor)}`);
      const [after, answer] = await ask(good);
      if (after !== 200 || answer !== "{}" || !server.ready)
        throw new Error(`after ${seen}: ${after} ${answer}`);
    }),
    { runs: 400, timeLimitMs: 8_000 },
  );
});
