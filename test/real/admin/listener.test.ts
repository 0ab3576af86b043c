import { once } from "node:events";
import { createServer } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { channels, resolveConfig, serve } from "../../../src/index.ts";
import type { Status } from "../../../src/admin/api.ts";
import { overhear } from "../../support/diagnostics.ts";
import { startServer } from "../../support/server.ts";
import { RawClient } from "../../support/raw-client.ts";
import { until, within } from "../../support/within.ts";
import { callAdmin, openEvents, post } from "./call-admin.ts";

const TOKEN = "correct-horse-battery";
const ADMIN = { admin: true, adminPort: 0 } as const;

async function occupy(port: number): Promise<number> {
  const other = createServer().listen(port, "127.0.0.1");
  onTestFinished(() => void other.close());
  await once(other, "listening");
  return (other.address() as { port: number }).port;
}

describe("the admin listener", () => {
  it("is off in the library unless it is asked for", async () => {
    const server = await startServer();
    expect(server.adminAddress).toBeUndefined();
  });

  it("says where it is, and closes with the server", async () => {
    const server = await startServer(ADMIN);
    expect(server.adminAddress).toEqual({
      host: "127.0.0.1",
      port: expect.any(Number),
    });
    expect((await callAdmin(server, "/healthz")).status).toBe(200);
    await server.shutdown();
    await expect(callAdmin(server, "/healthz")).rejects.toThrow("ECONNREFUSED");
  });

  it("fails to start on a port that is taken, names it, and leaves nothing behind", async () => {
    const adminPort = await occupy(0);
    await expect(
      serve({ port: 0, workers: 1, admin: true, adminPort }),
    ).rejects.toMatchObject({
      code: "ERR_SLUICE_ADMIN",
      message: expect.stringContaining(`127.0.0.1:${adminPort}`),
    });
  });

  it("takes the next free port where none was asked for, and says so", async () => {
    const news = overhear(channels.server);
    await occupy(8081).catch(() => undefined);
    const server = await startServer({ admin: true });
    const { port = 0 } = server.adminAddress ?? {};
    expect(port).toBeGreaterThan(8081);
    expect(await news.said({ event: "inspector" })).toMatchObject({
      url: `http://127.0.0.1:${port}`,
      insteadOf: 8081,
    });
  });

  it("lets nobody be locked out by those who open sockets and say nothing", async () => {
    const server = await startServer({ ...ADMIN, adminToken: TOKEN });
    const { port = 0 } = server.adminAddress ?? {};
    const headers = { authorization: `Bearer ${TOKEN}` };
    const events = await openEvents(server, "/api/events", headers);
    await events.next();
    const clients: RawClient[] = [];
    const crowd = async (bytes: string): Promise<void> => {
      for (let count = 0; count < 300; count++) {
        const client = await RawClient.connect(port);
        client.write(bytes);
        clients.push(client);
      }
    };
    // Silent, in the middle of a request, with an answer, and waiting to be told a body's end.
    await crowd("");
    await crowd("GET /metrics HTTP/1.1\r\n");
    await crowd("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
    await crowd(
      "POST /session HTTP/1.1\r\nHost: localhost\r\nSluice-Request: 1\r\nContent-Length: 9\r\n\r\n",
    );
    for (const path of ["/healthz", "/metrics", "/api/status"])
      expect((await callAdmin(server, path, { headers })).status).toBe(200);
    // Whoever is served stays.
    const next = events.next();
    server.drain({ pathPrefix: "/nobody" });
    expect((await within("an event", next)).done).not.toBe(true);
    for (const client of clients) client.destroy();
  });

  it("is not given to the network without a token", () => {
    expect(() => resolveConfig({ admin: true, adminHost: "0.0.0.0" })).toThrow(
      /^adminHost: got "0\.0\.0\.0", takes a loopback address unless/,
    );
    expect(
      resolveConfig({ admin: true, adminHost: "::", adminToken: TOKEN }),
    ).toHaveProperty("adminToken", TOKEN);
  });

  it("does not repeat a token that it refuses", () => {
    expect(() => resolveConfig({ adminToken: "too short" })).toThrow(
      /^adminToken: got another value \(not shown\), takes 16 to 256/,
    );
  });

  it.each([
    "/",
    "/page.js",
    "/metrics",
    "/api/status",
    "/api/events",
    "/readyz",
  ])("refuses a foreign Host and a foreign Origin at %s", async (path) => {
    const server = await startServer(ADMIN);
    const byHost = await callAdmin(server, path, {
      headers: { Host: "rebound.example:8081" },
    });
    expect(byHost.status).toBe(421);
    const byOrigin = await callAdmin(server, path, {
      headers: { Origin: "http://evil.example" },
    });
    expect(byOrigin.status).toBe(403);
  });

  it("refuses a forged change, and changes nothing", async () => {
    const server = await startServer(ADMIN);
    const forged = await callAdmin(server, "/api/shutdown", {
      method: "POST",
      headers: { "Content-Type": "text/plain", Origin: "http://evil.example" },
    });
    expect(forged.status).toBe(403);
    const bare = await callAdmin(server, "/api/shutdown", { method: "POST" });
    expect(bare.status).toBe(403);
    expect(server.state).toBe("listening");
  });

  it.each([
    "/page.js",
    "/metrics",
    "/healthz",
    "/readyz",
    "/api/status",
    "/api/events",
    "/api/connections",
  ])("asks for the token at %s where one is set", async (path) => {
    const server = await startServer({ ...ADMIN, adminToken: TOKEN });
    const without = await callAdmin(server, path);
    expect(without.status).toBe(401);
    expect(without.headers["www-authenticate"]).toMatch(/^Bearer/);
    const wrong = await callAdmin(server, path, {
      headers: { Authorization: `Bearer ${TOKEN}x` },
    });
    expect(wrong.status).toBe(401);
  });

  it("lets the token in by header, and by a form that gives a session", async () => {
    const server = await startServer({ ...ADMIN, adminToken: TOKEN });
    const byHeader = await callAdmin(server, "/api/status", {
      headers: { Authorization: `Bearer ${TOKEN}` },
    });
    expect(byHeader.status).toBe(200);

    const form = await callAdmin(server, "/");
    expect(form.status).toBe(401);
    expect(form.text).toContain('<form method="post" action="/session">');

    const { port } = server.adminAddress as { port: number };
    const headers = { Origin: `http://127.0.0.1:${port}` };
    const wrong = await callAdmin(server, "/session", {
      method: "POST",
      headers,
      body: "token=guess",
    });
    expect(wrong.status).toBe(401);
    expect(wrong.headers["set-cookie"]).toBeUndefined();

    const right = await callAdmin(server, "/session", {
      method: "POST",
      headers,
      body: `token=${TOKEN}`,
    });
    expect(right.status).toBe(303);
    const [cookie = ""] = right.headers["set-cookie"] ?? [];
    const byCookie = await callAdmin(server, "/api/status", {
      headers: { Cookie: cookie.split(";")[0] as string },
    });
    expect(byCookie.status).toBe(200);
  });

  it("lets nothing be loaded, framed or kept", async () => {
    const server = await startServer(ADMIN);
    const { headers } = await callAdmin(server, "/api/status");
    expect(headers).toMatchObject({
      "cache-control": "no-store",
      "content-security-policy": expect.stringContaining("default-src 'none'"),
      "x-content-type-options": "nosniff",
      "x-frame-options": "DENY",
    });
    expect(headers["content-security-policy"]).not.toContain("unsafe");
  });

  it("is not ready from the moment closing begins", async () => {
    const server = await startServer({ ...ADMIN, shutdownDelayMs: 4000 });
    expect((await callAdmin(server, "/readyz")).status).toBe(200);
    void server.shutdown();
    const late = await callAdmin(server, "/readyz");
    expect(late.status).toBe(503);
    expect(late.json()).toEqual({ ready: false, state: "closing" });
    expect((await callAdmin(server, "/healthz")).status).toBe(200);
  });

  it("answers what it does not know with a sentence", async () => {
    const server = await startServer(ADMIN);
    expect((await callAdmin(server, "/api/nothing")).status).toBe(404);
    expect((await callAdmin(server, "/../package.json")).status).toBe(404);
    const wrongVerb = await post(server, "/api/status");
    expect(wrongVerb.status).toBe(405);
    expect(wrongVerb.headers.allow).toBe("GET, HEAD");
    const nonsense = await callAdmin(server, "/api/shutdown", {
      method: "POST",
      headers: { "sluice-request": "1" },
      body: "[1]",
    });
    expect(nonsense.status).toBe(400);
    expect(
      (await post(server, "/api/shutdown", { deadline: 1 })).text,
    ).toContain("deadline: no such field; did you mean deadlineMs?");
    expect((await post(server, "/api/shutdown", { when: 1 })).text).toContain(
      "when: no such field; there are deadlineMs, reason",
    );
    const long = await callAdmin(server, "/api/shutdown", {
      method: "POST",
      headers: { "sluice-request": "1" },
      body: "x".repeat(20_000),
    });
    expect(long.status).toBe(413);
  });

  it("measures delay and heap only while somebody looks", async () => {
    const server = await startServer(ADMIN);
    const read = async () =>
      (await callAdmin(server, "/api/status")).json<Status>().shards[0];
    expect(await read()).not.toHaveProperty("heapBytes");
    const events = await openEvents(server, "/api/events");
    await until("the heap is measured", async () => (await read())?.heapBytes);
    events.close();
    await until(
      "nothing is measured any more",
      async () => (await read())?.heapBytes === undefined,
    );
  });
});
