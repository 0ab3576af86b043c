import { MessagePort } from "node:worker_threads";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { channels } from "../../../src/index.ts";
import { live } from "../../support/crowd.ts";
import { overhear } from "../../support/diagnostics.ts";
import {
  ACCEPT,
  KEY,
  RawClient,
  type Response,
  upgradeRequest,
} from "../../support/raw-client.ts";
import { shareServer, startServer } from "../../support/server.ts";
import { until, within } from "../../support/within.ts";

const DATE =
  /^Date: [A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT\r\n/m;

/** The response with its date left out, which is the only thing that varies. */
function timeless({ raw }: Response): string {
  expect(raw).toMatch(DATE);
  return raw.replace(DATE, "");
}

function refusalBytes(
  statusLine: string,
  body: string,
  headers = "",
  connection = "close",
): string {
  return `HTTP/1.1 ${statusLine}\r\nConnection: ${connection}\r\n${headers}Content-Type: text/plain; charset=utf-8\r\nX-Content-Type-Options: nosniff\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}

interface BadRequest {
  what: string;
  bytes: string;
  answer: string;
  reason: string;
}

const badRequests: BadRequest[] = [
  {
    what: "a plain request",
    bytes: "GET / HTTP/1.1\r\nHost: sluice.test\r\n\r\n",
    answer: refusalBytes(
      "426 Upgrade Required",
      'This is a WebSocket endpoint. Connect to it with a WebSocket client:\n\n  new WebSocket("ws://sluice.test/")\n',
      "Upgrade: websocket\r\n",
      "close, Upgrade",
    ),
    reason: "upgrade-required",
  },
  {
    what: "a POST",
    bytes: upgradeRequest().replace("GET", "POST"),
    answer: refusalBytes(
      "405 Method Not Allowed",
      "The method must be GET.\n",
      "Allow: GET\r\n",
    ),
    reason: "method",
  },
  {
    what: "a line that is no request line",
    bytes: "GET /echo\r\n\r\n",
    answer: refusalBytes(
      "400 Bad Request",
      "The request line must be a method, a target and HTTP/1.1, with one space between.\n",
    ),
    reason: "bad-request",
  },
  {
    what: "bytes that are no HTTP",
    bytes: "\0\0\0\0",
    answer: refusalBytes("400 Bad Request", "What arrived is not HTTP.\n"),
    reason: "bad-request",
  },
  {
    what: "a TLS handshake on a plain port",
    bytes: "\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03",
    answer: refusalBytes(
      "400 Bad Request",
      "This port speaks plain HTTP, and a TLS handshake arrived: connect with ws:// instead of wss://.\n",
    ),
    reason: "bad-request",
  },
  {
    what: "an upgrade without a Host",
    bytes: upgradeRequest("/echo", { Host: undefined }),
    answer: refusalBytes(
      "400 Bad Request",
      "There must be exactly one valid Host header.\n",
    ),
    reason: "bad-request",
  },
  {
    what: "a wrong version",
    bytes: upgradeRequest("/echo", { "Sec-WebSocket-Version": "8" }),
    answer: refusalBytes(
      "426 Upgrade Required",
      "The header Sec-WebSocket-Version must be 13.\n",
      "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
      "close, Upgrade",
    ),
    reason: "version",
  },
  {
    what: "a key that is none",
    bytes: upgradeRequest("/echo", { "Sec-WebSocket-Key": "short" }),
    answer: refusalBytes(
      "400 Bad Request",
      "The header Sec-WebSocket-Key must be 16 bytes in base64.\n",
    ),
    reason: "key",
  },
  {
    what: "a foreign origin",
    bytes: upgradeRequest("/echo", { Origin: "https://evil.test" }),
    answer: refusalBytes("403 Forbidden", "This origin may not connect.\n"),
    reason: "origin",
  },
  {
    what: "a target that is too long",
    bytes: upgradeRequest(`/${"x".repeat(8_192)}`),
    answer: refusalBytes(
      "414 URI Too Long",
      "The request target is too long.\n",
    ),
    reason: "target-too-long",
  },
  {
    what: "a head that is too large",
    bytes: upgradeRequest("/echo", { Cookie: "x".repeat(20_000) }),
    answer: refusalBytes(
      "431 Request Header Fields Too Large",
      "The request head is too large.\n",
    ),
    reason: "header-too-large",
  },
  {
    what: "an upgrade with HTTP/1.0",
    bytes: upgradeRequest().replace("HTTP/1.1", "HTTP/1.0"),
    answer: refusalBytes(
      "505 HTTP Version Not Supported",
      "A WebSocket upgrade takes HTTP/1.1. If a proxy stands in between, let it speak HTTP/1.1 to this server.\n",
    ),
    reason: "http-version",
  },
  {
    what: "nobody's permission",
    bytes: upgradeRequest("/refuse?status=401&body=Unknown"),
    answer: refusalBytes(
      "401 Unauthorized",
      "Unknown",
      "X-Refused-By: authorize\r\n",
    ),
    reason: "unauthorized",
  },
  ...["//x/room", "/\\x/room", "/a/../room", "/./room", "/a/%2E%2e"].map(
    (target) => ({
      what: `a path with two meanings (${target})`,
      bytes: upgradeRequest(target),
      answer: refusalBytes(
        "400 Bad Request",
        "The path must have one meaning: no // at its start, no backslash, no segments . and .. in it.\n",
      ),
      reason: "bad-request",
    }),
  ),
  {
    what: "the header of the server's own connection",
    bytes: upgradeRequest("/", { "sluice-probe": "1" }),
    answer: refusalBytes(
      "400 Bad Request",
      "The header Sluice-Probe is the server's own.\n",
    ),
    reason: "bad-request",
  },
  {
    what: "a path that is not there",
    bytes: upgradeRequest("/refuse?status=404"),
    answer: refusalBytes(
      "404 Not Found",
      "There is nothing at this path.\n",
      "X-Refused-By: authorize\r\n",
    ),
    reason: "not-found",
  },
  ...["throw", "reject", "nonsense"].map((how) => ({
    what: `an authorize hook that fails (${how})`,
    bytes: upgradeRequest(`/authorize-${how}`),
    answer: refusalBytes(
      "500 Internal Server Error",
      "The server failed to decide about this connection.\n",
    ),
    reason: "handler-failed",
  })),
  {
    what: "a refusal that cannot be written",
    bytes: upgradeRequest("/refuse?status=204"),
    answer: refusalBytes(
      "500 Internal Server Error",
      "The server failed to decide about this connection.\n",
    ),
    reason: "handler-failed",
  },
  {
    what: "a subprotocol that was not offered",
    bytes: upgradeRequest("/subprotocol?choose=soap", {
      "Sec-WebSocket-Protocol": "chat",
    }),
    answer: refusalBytes(
      "500 Internal Server Error",
      "The server failed to decide about this connection.\n",
    ),
    reason: "handler-failed",
  },
];

describe("bad requests", () => {
  const rejected = overhear(channels.rejected, "suite");
  const shared = shareServer({ origins: "same" });

  it.each(badRequests)(
    "answers $what, says so, and disturbs nobody",
    async ({ bytes, answer, reason }) => {
      const server = shared();
      rejected.clear();
      const before = server.stats().ledger.outcomes.rejected;
      const bystander = await RawClient.open(server.port);
      const client = await RawClient.connect(server.port);
      client.write(bytes);
      expect(timeless(await client.response())).toBe(answer);
      await within("the end of TCP", client.ended);
      const date = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
      expect(Buffer.concat(client.received)).toHaveLength(
        answer.length + date.length,
      );
      await rejected.said({
        shard: 0,
        status: Number(answer.split(" ")[1]),
        reason,
        remoteAddress: "127.0.0.1",
      });
      await until(
        "the rejection is counted",
        () => server.stats().ledger.outcomes.rejected === before + 1,
      );
      bystander.send("undisturbed");
      expect(await bystander.message()).toBe("undisturbed");
    },
  );

  it("refuses however the bytes are cut", async () => {
    const client = await RawClient.connect(shared().port);
    for (const byte of upgradeRequest("/echo", { "Sec-WebSocket-Key": "x" })) {
      client.write(byte);
      // Each byte in a segment of its own.
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect((await client.response()).status).toBe(400);
  });

  it("answers 408 to a slow loris at the handshake deadline, not when it last wrote", async () => {
    const server = await startServer({ handshakeDeadlineMs: 400 });
    const client = await RawClient.connect(server.port);
    const startedAt = performance.now();
    const drip = setInterval(() => client.write("x"), 50);
    client.write("GET /echo HTTP/1.1\r\nHost: sluice.test\r\nX-Drip: ");
    const response = await client.response();
    clearInterval(drip);
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(390);
    expect(timeless(response)).toBe(
      refusalBytes(
        "408 Request Timeout",
        "The request was not complete in time.\n",
      ),
    );
    await within("the end of TCP", client.ended);
    const mute = await RawClient.connect(server.port);
    expect((await mute.response()).status).toBe(408);
    await within("the end of TCP", mute.ended);
    await until(
      "both are rejected",
      () => server.stats().ledger.outcomes.rejected === 2,
    );
  });

  it("does not wait for one that never closes after its refusal", async () => {
    const server = shared();
    const before = server.stats().ledger.outcomes.rejected;
    const client = await RawClient.connect(server.port, {
      allowHalfOpen: true,
    });
    client.write("nonsense\r\n\r\n");
    expect((await client.response()).status).toBe(400);
    await within("the server's FIN", client.peerEnded);
    await until(
      "it is rejected",
      () => server.stats().ledger.outcomes.rejected === before + 1,
    );
  });

  it("counts one that leaves in the middle of its request", async () => {
    const server = shared();
    const before = server.stats().ledger.outcomes.rejected;
    const client = await RawClient.connect(server.port);
    client.write("GET /echo HTTP/1.1\r\n");
    client.socket.end();
    await until(
      "it is rejected",
      () => server.stats().ledger.outcomes.rejected === before + 1,
    );
    expect(await within("the end of TCP", client.ended)).toEqual({
      errorCode: undefined,
    });
  });

  it("counts those that are gone before they were handed over", async () => {
    const server = shared();
    const before = server.stats().ledger;
    for (let i = 0; i < 50; i++) {
      const client = await RawClient.connect(server.port);
      client.reset();
    }
    await until("all are rejected", () => {
      const { accepted, outcomes } = server.stats().ledger;
      return (
        accepted === before.accepted + 50 &&
        outcomes.rejected === before.outcomes.rejected + 50
      );
    });
    const client = await RawClient.open(server.port);
    client.send("still here");
    expect(await client.message()).toBe("still here");
  });

  it("accepts with the answer that RFC 6455 gives as an example", async () => {
    const client = await RawClient.connect(shared().port);
    const { raw } = await client.upgrade("/echo");
    expect(raw).toBe(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${ACCEPT}\r\n\r\n`,
    );
    expect(KEY).toBe("dGhlIHNhbXBsZSBub25jZQ==");
  });

  it("believes nobody about the client's address without a trusted proxy", async () => {
    const liar = await RawClient.open(shared().port, "/facts", {
      "X-Forwarded-For": "203.0.113.1",
    });
    liar.send("?");
    expect(JSON.parse(await liar.message())).toMatchObject({
      request: { remoteAddress: "127.0.0.1" },
    });
  });

  it("answers probes of its health with plain HTTP", async () => {
    for (const path of ["/healthz", "/readyz"]) {
      const client = await RawClient.connect(shared().port);
      client.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
      expect(await client.response()).toMatchObject({
        status: 200,
        body: "ok\n",
      });
    }
  });

  it("counts probes of its health for themselves, and rejects none", async () => {
    const server = await startServer();
    for (const path of ["/healthz", "/readyz", "/nothing"]) {
      const client = await RawClient.connect(server.port);
      client.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
      await client.response();
    }
    void live(await RawClient.open(server.port));
    // Whoever was answered is counted once TCP has ended.
    await until(
      "those who were answered have gone",
      () => server.stats().ledger.upgrading === 0,
    );
    expect(server.stats().ledger).toMatchObject({ accepted: 4, opened: 1 });
    expect(await server.shutdown()).toMatchObject({
      accepted: 4,
      probes: 2,
      rejected: 1,
      opened: 1,
      shutdown: { live: 1, accepted: 0, probes: 0, opened: 0 },
      balanced: true,
    });
  });
});

describe("limits of connections", () => {
  it("refuses the one over maxConnections with 503 and a time to try again", async () => {
    const server = await startServer({ workers: 2, maxConnections: 2 });
    const clients = [
      await RawClient.open(server.port),
      await RawClient.open(server.port),
    ];
    const refused = await RawClient.connect(server.port);
    expect(timeless(await refused.upgrade())).toBe(
      refusalBytes(
        "503 Service Unavailable",
        "The server has as many connections as it takes. Try again later.\n",
        "Retry-After: 5\r\n",
      ),
    );
    // It takes a place until its refusal has been written and TCP has ended.
    await within("the end of TCP", refused.ended);
    const [first] = clients as [RawClient];
    first.sendClose();
    await first.closeFrame();
    await within("the end of TCP", first.ended);
    await until("there is room", () => {
      const { ledger } = server.stats();
      return ledger.live === 1 && ledger.upgrading === 0;
    });
    const next = await RawClient.open(server.port);
    next.send("in");
    expect(await next.message()).toBe("in");
  });

  it("counts those that say nothing: an address with too many is refused, and cut", async () => {
    const server = await startServer({
      maxConnections: 14,
      maxConnectionsPerAddress: 4,
    });
    const silent = await Promise.all(
      Array.from({ length: 4 }, () => RawClient.connect(server.port)),
    );
    const refused = await RawClient.connect(server.port);
    expect((await refused.upgrade()).body).toContain("This address has");
    await within("the end of TCP", refused.ended);
    const more = await Promise.all(
      Array.from({ length: 20 }, () => RawClient.connect(server.port)),
    );
    // Eight are left to be told, the others are cut at once.
    let cut = 0;
    for (const client of more) void client.ended.then(() => cut++);
    await until("the flood is cut", () => cut >= 12);
    const other = await RawClient.open(server.port, "/echo", undefined, {
      localAddress: "127.0.0.2",
    });
    other.send("undisturbed");
    expect(await other.message()).toBe("undisturbed");
    for (const client of [...silent, ...more]) client.destroy();
    await until("there is room", async () => {
      const client = await RawClient.connect(server.port).catch(
        () => undefined,
      );
      const answer = await client?.upgrade().catch(() => undefined);
      return answer?.status === 101;
    });
  });

  it("counts a connection once, for as long as it is there, on every shard", async () => {
    const server = await startServer({
      workers: 2,
      maxConnectionsPerAddress: 1,
    });
    for (let round = 0; round < 20; round++) {
      const client = await RawClient.connect(server.port);
      if (round % 2 === 0) client.reset();
      else client.destroy();
      await until("all are counted", () => server.stats().connections === 0);
    }
    const last = await until("there is room", async () => {
      const client = await RawClient.connect(server.port).catch(
        () => undefined,
      );
      const answer = await client?.upgrade().catch(() => undefined);
      return answer?.status === 101 && client;
    });
    last?.send("in");
    expect(await last?.message()).toBe("in");
  });

  it("gives back the place of one that could not be handed to a shard", async () => {
    const failed = overhear(channels.handoffFailed);
    const server = await startServer({ maxConnectionsPerAddress: 1 });
    const post: unknown = Reflect.get(MessagePort.prototype, "postMessage");
    const spy = vi
      .spyOn(MessagePort.prototype, "postMessage")
      .mockImplementation(function (this: MessagePort, message, ...transfer) {
        if ((message as { type?: string }).type === "sockets")
          throw new Error("cannot be moved, on purpose");
        Reflect.apply(post as () => void, this, [message, ...transfer]);
      });
    onTestFinished(() => spy.mockRestore());
    const lost = await RawClient.connect(server.port);
    await within("the end of TCP", lost.ended);
    await failed.said({ shard: 0 });
    spy.mockRestore();
    const client = await RawClient.open(server.port);
    client.send("in");
    expect(await client.message()).toBe("in");
  });

  it("limits each address over all shards, and makes room when one ends", async () => {
    const server = await startServer({
      workers: 2,
      maxConnectionsPerAddress: 2,
    });
    const first = await RawClient.open(server.port);
    await RawClient.open(server.port);
    const refused = await RawClient.connect(server.port);
    expect(timeless(await refused.upgrade())).toBe(
      refusalBytes(
        "503 Service Unavailable",
        "This address has as many connections as it may have. Try again later.\n",
        "Retry-After: 5\r\n",
      ),
    );
    first.reset();
    const again = await until("there is room", async () => {
      const client = await RawClient.connect(server.port);
      return (await client.upgrade()).status === 101 && client;
    });
    again.send("in");
    expect(await again.message()).toBe("in");
  });

  it("believes a trusted proxy about the client's address, and nobody else", async () => {
    const server = await startServer({
      trustedProxies: "127.0.0.1",
      maxConnectionsPerAddress: 1,
    });
    const open = async (client: string): Promise<RawClient> =>
      await RawClient.open(server.port, "/facts", {
        "X-Forwarded-For": `198.51.100.7, ${client}`,
      });
    const one = await open("203.0.113.1");
    one.send("?");
    expect(JSON.parse(await one.message())).toMatchObject({
      request: { remoteAddress: "203.0.113.1" },
    });
    await open("203.0.113.2");
    await expect(open("203.0.113.1")).rejects.toThrow("503");
  });
});
