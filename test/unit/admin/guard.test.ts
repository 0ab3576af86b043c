import { describe, expect, it } from "vitest";
import { type GuardedRequest, Guard } from "../../../src/admin/guard.ts";

const TOKEN = "0123456789abcdef";
const guard = new Guard({ token: undefined, hosts: ["ops.example"] });
const locked = new Guard({ token: TOKEN, hosts: [] });

function requestOf(
  headers: GuardedRequest["headers"],
  method = "GET",
): GuardedRequest {
  return {
    method,
    headers: { host: "127.0.0.1:8081", ...headers },
    localAddress: "10.1.2.3",
  };
}

function statusOf(headers: GuardedRequest["headers"], method?: string) {
  return guard.refuseForeign(requestOf(headers, method))?.status;
}

describe("the admin guard", () => {
  it.each([
    "127.0.0.1:8081",
    "127.0.0.1",
    "localhost:8081",
    "LOCALHOST",
    "[::1]:8081",
    "10.1.2.3:8081",
    "ops.example:443",
    "ops.example.",
  ])("answers to its own host %s", (host) => {
    expect(statusOf({ host })).toBeUndefined();
  });

  it.each([
    "evil.example:8081",
    "127.0.0.1.evil.example",
    "localhost.evil.example",
    "127.evil.example",
    "10.1.2.4",
    "127.0.0.1:8081@evil.example",
    "evil.example/127.0.0.1",
    "[::1]evil",
    "",
  ])("does not answer to the foreign host %j", (host) => {
    expect(statusOf({ host })).toBe(421);
  });

  it("does not answer without a host", () => {
    const request = requestOf({ host: undefined });
    expect(guard.refuseForeign(request)?.status).toBe(421);
  });

  it("knows its address also where IPv4 is mapped into IPv6", () => {
    const request = {
      ...requestOf({ host: "10.1.2.3:8081" }),
      localAddress: "::ffff:10.1.2.3",
    };
    expect(guard.refuseForeign(request)).toBeUndefined();
  });

  it.each([
    "http://evil.example",
    "http://127.0.0.1",
    "http://localhost:8081",
    "ftp://127.0.0.1:8081",
    "null",
    "",
  ])("refuses the foreign origin %j, also to read", (origin) => {
    expect(statusOf({ origin })).toBe(403);
    expect(statusOf({ origin, "sluice-request": "1" }, "POST")).toBe(403);
  });

  it("lets its own page through, also behind a proxy with TLS", () => {
    expect(statusOf({ origin: "http://127.0.0.1:8081" }, "POST")).toBe(
      undefined,
    );
    expect(
      statusOf({ host: "ops.example", origin: "https://ops.example" }, "POST"),
    ).toBeUndefined();
  });

  it("refuses a change that has neither the page's origin nor the header", () => {
    expect(statusOf({}, "POST")).toBe(403);
    expect(statusOf({ "sluice-request": "1" }, "POST")).toBeUndefined();
  });

  it("refuses what a browser says comes from another site, save a link to the page", () => {
    const foreign = { "sec-fetch-site": "cross-site" };
    expect(statusOf({ ...foreign, "sec-fetch-mode": "no-cors" })).toBe(403);
    expect(
      statusOf({ ...foreign, "sec-fetch-mode": "navigate" }),
    ).toBeUndefined();
    expect(statusOf({ ...foreign, "sec-fetch-mode": "navigate" }, "POST")).toBe(
      403,
    );
  });

  it("asks for no token where none is set", () => {
    expect(guard.refuseStranger(requestOf({}))).toBeUndefined();
    expect(guard.isToken("")).toBe(false);
  });

  it.each([
    {},
    { authorization: "Bearer" },
    { authorization: "Bearer 0123456789abcdeF" },
    { authorization: `Basic ${TOKEN}` },
    { authorization: TOKEN },
    { cookie: "sluice-session=" },
    { cookie: `sluice-session=${TOKEN}` },
    { cookie: `x-sluice-session=${TOKEN}` },
  ])("refuses whoever comes with %j instead of the token", (headers) => {
    expect(locked.refuseStranger(requestOf(headers))?.status).toBe(401);
  });

  it("takes the token, and the session that was given for it", () => {
    const authorization = `Bearer ${TOKEN}`;
    expect(locked.refuseStranger(requestOf({ authorization }))).toBeUndefined();
    const [cookie = ""] = locked.sessionCookie().split(";");
    expect(cookie).not.toContain(TOKEN);
    expect(
      locked.refuseStranger(requestOf({ cookie: `a=b; ${cookie}` })),
    ).toBeUndefined();
    expect(locked.sessionCookie()).toMatch(/HttpOnly; SameSite=Strict/);
  });
});
