import { Agent, request } from "node:http";
import type { Socket } from "node:net";
import { text } from "node:stream/consumers";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { describe, expect, it, vi } from "vitest";
import { shareServer } from "../../support/server.ts";
import { callAdmin, connect, post } from "./call-admin.ts";

const POST = { method: "POST", headers: { "sluice-request": "1" } };
const LATIN1 = Buffer.from('{"reason":"caf\u{e9}"}', "latin1");

/** What changes something for more than one connection. */
const operations = [
  ...(["drain", "resume", "restartShard", "reload", "upgrade"] as const),
  ...(["rebalance", "shutdown", "callOff", "force"] as const),
];

describe("the border of the admin API", () => {
  const shared = shareServer({ admin: true, adminPort: 0, workers: 2 });

  it.each([
    ["/api/drain", '{"shard":null}', "shard: got null, takes an integer"],
    ["/api/drain", '{"shard":""}', 'shard: got "", takes an integer'],
    ["/api/drain", '{"pathPrefix":""}', 'pathPrefix: got "", takes text of 1'],
    ["/api/drain", '{"pathPrefix":"room"}', 'got "room", takes how a path'],
    ["/api/drain", '{"move":null}', "move: got null, takes true or false"],
    ["/api/drain", '{"olderThanMs":null}', "olderThanMs: got null, takes"],
    ["/api/drain", '{"__proto__":{"shard":0}}', "__proto__: no such field"],
    ["/api/resume", '{"shard":null}', "shard: got null"],
    ["/api/resume", "null", "the body: got null, takes a JSON object"],
    ["/api/resume", '"shard 0"', 'the body: got "shard 0", takes a JSON'],
    ["/api/reload", "[]", "the body: got [], takes a JSON object"],
    ["/api/reload", "{", 'the body: got "{", takes a JSON object'],
    ["/api/upgrade", '{"when":1}', "when: no such field; this call takes none"],
    ["/api/rebalance", '{"shard":0}', "shard: no such field"],
    ["/api/shards/0/restart", '{"force":1}', "force: no such field"],
    ["/api/shards/0/resume", '{"shard":1}', "shard: no such field"],
    ["/api/drains/1/call-off", "7", "the body: got 7"],
    ["/api/shutdown/call-off", '{"now":1}', "now: no such field"],
    ["/api/shutdown/force", "true", "the body: got true"],
    ["/api/shutdown", '{"deadlineMs":null}', "deadlineMs: got null"],
    ["/api/shutdown", LATIN1, "the body is no UTF-8"],
    ["/api/drain?shard=0", "{}", 'got "shard" in the query; a POST takes'],
    ["/api/shutdown?deadlineMs=5s", "", 'got "deadlineMs" in the query'],
  ])(
    "refuses a POST to %s with the body %s, and nothing is begun",
    async (path, body, message) => {
      const server = shared();
      const begun = operations.map((name) => vi.spyOn(server, name));
      const client = await connect(server);
      const answer = await callAdmin(server, path, { ...POST, body });
      expect(answer.status).toBe(400);
      expect(answer.json<{ error: string }>().error).toContain(message);
      expect(begun.flatMap(({ mock }) => mock.calls)).toEqual(
        // What only the server itself can judge it refuses.
        body === '{"pathPrefix":"room"}' ? [[{ pathPrefix: "room" }]] : [],
      );
      expect(server.state).toBe("listening");
      expect(client.readyState).toBe(client.OPEN);
      vi.restoreAllMocks();
    },
  );

  it.each([
    ["application/xml", undefined],
    ["application/json; charset=utf-16", undefined],
    ["multipart/form-data; boundary=x", undefined],
    ["application/json", "gzip"],
  ])("refuses a body of the type %s, encoded as %s", async (type, encoding) => {
    const headers = {
      ...POST.headers,
      "content-type": type,
      ...(encoding !== undefined && { "content-encoding": encoding }),
    };
    const answer = await callAdmin(shared(), "/api/resume", {
      ...POST,
      headers,
      body: "{}",
    });
    expect(answer.status).toBe(415);
    expect(answer.json<{ error: string }>().error).toContain(
      encoding ?? type.slice(0, 15),
    );
  });

  it.each(["", "application/json; charset=UTF-8", "text/plain"])(
    "takes JSON that is called %j",
    async (type) => {
      const answer = await callAdmin(shared(), "/api/resume", {
        ...POST,
        headers: {
          ...POST.headers,
          ...(type !== "" && { "content-type": type }),
        },
        body: '{"shard":"1"}',
      });
      expect([answer.status, answer.text]).toEqual([200, "{}"]);
    },
  );

  it.each([
    ["/api/connections?shard=", "shard: got"],
    ["/api/connections?limit=5&limit=6", "limit: is given twice"],
    ["/api/status?verbose=1", "verbose: no such field; this call takes none"],
  ])("refuses the query of %s", async (path, message) => {
    const answer = await callAdmin(shared(), path);
    expect(answer.status).toBe(400);
    expect(answer.json<{ error: string }>().error).toContain(message);
  });

  it.each([
    ["PUT", "/api/drain", "POST"],
    ["DELETE", "/api/connections/c1", "GET, HEAD"],
    ["POST", "/metrics", "GET, HEAD"],
  ])(
    "refuses %s of %s, and says what there is",
    async (method, path, allow) => {
      const answer = await callAdmin(shared(), path, { ...POST, method });
      expect([answer.status, answer.headers.allow]).toEqual([405, allow]);
    },
  );

  it("says that a body is too long to whoever is still sending it, and hears the next call on the same socket", async () => {
    const server = shared();
    const { host, port } = server.adminAddress ?? {};
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const ask = async (body: string): Promise<[number, string, unknown]> => {
      const path = "/api/resume";
      const outgoing = request({ host, port, path, agent, ...POST });
      outgoing.end(body);
      const [response] = (await once(outgoing, "response")) as [
        IncomingMessage,
      ];
      const local = outgoing.socket?.localPort;
      return [response.statusCode ?? 0, await text(response), local];
    };
    const [status, said, first] = await ask("x".repeat(5_000_000));
    expect(status).toBe(413);
    expect(JSON.parse(said)).toHaveProperty("error");
    expect(await ask("{}")).toEqual([200, "{}", first]);
    agent.destroy();
  });

  it("is not troubled by a body that breaks off", async () => {
    const server = shared();
    const { host, port } = server.adminAddress ?? {};
    const outgoing = request({
      ...POST,
      ...{ host, port, path: "/api/shutdown", agent: false },
      headers: { ...POST.headers, "content-length": "40" },
    });
    outgoing.on("error", () => {});
    outgoing.write('{"deadlineMs":');
    const [socket] = (await once(outgoing, "socket")) as [Socket];
    const gone = once(socket, "close");
    outgoing.destroy();
    await gone;
    expect((await post(server, "/api/resume")).status).toBe(200);
    expect(server.state).toBe("listening");
  });
});
