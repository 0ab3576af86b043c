import type { InspectorCall } from "./simulation/http-exchange.ts";
import { Draws } from "./simulation/draws.ts";

/** Connections are numbered from 1; some of these there are. */
const NUMBERS = 24;
const SHARDS = 3;
/** More than a body may have (16 KiB). */
const TOO_LONG = 17 * 1024;

/** What calls are made of: any method at any path. */
function call(
  method: string,
  path: string,
  more: Partial<InspectorCall> = {},
): InspectorCall {
  return { method, path, headers: {}, body: "", ...more };
}

function post(path: string, fields: object = {}): InspectorCall {
  return call("POST", path, { body: JSON.stringify(fields) });
}

/** Calls that only look. */
function looking(draws: Draws): InspectorCall {
  const id = `c${1 + draws.below(NUMBERS)}`;
  const leaveAfterMs = 20 + draws.below(2_000);
  return draws.pick([
    call("GET", "/api/status"),
    call("GET", "/api/status"),
    call("GET", "/api/connections"),
    call("GET", "/api/connections"),
    call(
      "GET",
      `/api/connections?${draws.pick(["limit=2", "state=open", "shard=0", "sort=messagesIn&order=descending", "path=%2Fa", "olderThanMs=100"])}`,
    ),
    call("GET", `/api/connections/${id}`),
    call("GET", `/api/connections/${id}/events`, { leaveAfterMs }),
    call("GET", "/api/events", { leaveAfterMs }),
    call("GET", "/api/events", { leaveAfterMs: 60_000 }),
    call("GET", "/api/happenings"),
    call("GET", "/api/history"),
    call("GET", "/api/instances"),
    call("GET", "/api/machine"),
    call("GET", `/api/drains/${1 + draws.below(3)}`),
    call("GET", "/metrics"),
    call("GET", "/healthz"),
    call("GET", "/readyz"),
    call("HEAD", "/api/status"),
  ]);
}

/** Calls that change something. */
function acting(draws: Draws): InspectorCall {
  const shard = draws.below(SHARDS);
  const deadlineMs = 50 + draws.below(400);
  return draws.pick([
    post(`/api/connections/c${1 + draws.below(NUMBERS)}/close`, {
      code: draws.pick([1000, 1001, 4000]),
      reason: "asked to",
    }),
    post("/api/drain", { deadlineMs, move: draws.chance(0.5) }),
    post("/api/drain", { deadlineMs, pathPrefix: "/a" }),
    post(`/api/shards/${shard}/drain`, { deadlineMs }),
    post(`/api/drains/${1 + draws.below(3)}/call-off`),
    post("/api/resume"),
    post(`/api/shards/${shard}/resume`),
    post(`/api/shards/${shard}/restart`),
    post("/api/reload"),
    post("/api/rebalance"),
    post("/api/upgrade"),
    post("/api/shutdown/call-off"),
  ]);
}

/** Calls that are mistakes, or meant to do harm; each would do something if it were not refused. */
function mistaken(draws: Draws): InspectorCall {
  const target = draws.pick(["/api/drain", "/api/shutdown", "/api/reload"]);
  const good = post(target);
  return draws.pick<InspectorCall>([
    call("POST", `${target}/`, { refusedWith: 404 }),
    call("GET", "/api/nothing", { refusedWith: 404 }),
    call("GET", target, { refusedWith: 405 }),
    call("DELETE", "/api/status", { refusedWith: 405 }),
    { ...good, body: "{", refusedWith: 400 },
    { ...good, body: "[]", refusedWith: 400 },
    { ...good, body: `{"shards":1}`, refusedWith: 400 },
    { ...good, path: `${target}?shard=0`, refusedWith: 400 },
    { ...good, body: `{"a":"${"x".repeat(TOO_LONG)}"}`, refusedWith: 413 },
    { ...good, headers: { "Content-Type": "text/html" }, refusedWith: 415 },
    { ...good, headers: { "Content-Encoding": "gzip" }, refusedWith: 415 },
    // A page of another site, in a browser on this machine.
    { ...good, headers: { "Sluice-Request": "" }, refusedWith: 403 },
    { ...good, headers: { Origin: "http://evil.test" }, refusedWith: 403 },
    { ...good, headers: { "Sec-Fetch-Site": "cross-site" }, refusedWith: 403 },
    { ...good, headers: { Host: "evil.test" }, refusedWith: 421 },
    { ...post("/api/drain", { shard: 99 }), refusedWith: 400 },
    { ...post("/api/drain", { deadlineMs: -1 }), refusedWith: 400 },
    { ...post("/api/shards/99/restart"), refusedWith: 404 },
    { ...post("/api/connections/x/close"), refusedWith: 400 },
    { ...post("/api/connections/c1/close", { code: 1006 }), refusedWith: 400 },
    call("GET", "/api/connections?limit=0", { refusedWith: 400 }),
    call("GET", "/api/connections?after=x", { refusedWith: 400 }),
    call("GET", "/api/drains/0", { refusedWith: 404 }),
    { ...post(target, { reason: "x".repeat(60) }), breaksOff: true },
  ]);
}

/** Some call of the inspector's API, the same for the same numbers: half of them only look. */
export function inspectorCallBy(pick: number, amount: number): InspectorCall {
  const draws = new Draws(pick, `call ${amount}`);
  const kind = draws.next();
  if (kind < 0.5) return looking(draws);
  return kind < 0.75 ? acting(draws) : mistaken(draws);
}
