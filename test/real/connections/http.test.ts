import { fileURLToPath } from "node:url";
import { Agent, request as requestOf } from "node:http";
import { connect as connectTls } from "node:tls";
import { describe, expect, it, onTestFinished } from "vitest";
import { channels, type ServerOptions } from "../../../src/index.ts";
import { createCertificates } from "../../support/certificates.ts";
import { overhear } from "../../support/diagnostics.ts";
import { listenToNews } from "../../support/news.ts";
import { RawClient, upgradeRequest } from "../../support/raw-client.ts";
import {
  shareServer,
  startServer,
  type TestServer,
} from "../../support/server.ts";
import { until, within } from "../../support/within.ts";

const handlers = fileURLToPath(
  new URL("../../support/http-handlers.ts", import.meta.url),
);

const start = async (options: ServerOptions = {}): Promise<TestServer> =>
  await startServer({ handlers, ...options });

function plainRequest(
  target: string,
  headers: readonly string[] = [],
  method = "GET",
): string {
  return `${[`${method} ${target} HTTP/1.1`, "Host: sluice.test", ...headers].join("\r\n")}\r\n\r\n`;
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

/** What Node's own client makes of an answer. */
async function ask(
  port: number,
  path: string,
  {
    body,
    agent,
    ...options
  }: {
    body?: Buffer;
    agent?: Agent;
    method?: string;
    headers?: Record<string, string>;
  } = {},
): Promise<Answer> {
  return await within(
    `an answer to ${path}`,
    new Promise((resolve, reject) => {
      const asked = requestOf(
        { port, host: "127.0.0.1", path, agent: agent ?? false, ...options },
        (response) => {
          const chunks: Buffer[] = [];
          response.on("data", (chunk: Buffer) => chunks.push(chunk));
          response.on("error", reject);
          response.on("end", () => {
            const { statusCode = 0, headers } = response;
            const text = Buffer.concat(chunks).toString();
            resolve({ status: statusCode, headers, text });
          });
        },
      );
      asked.on("error", reject);
      asked.end(body);
    }),
  );
}

const told = ({ body }: { body: string }): Record<string, unknown> =>
  JSON.parse(body) as Record<string, unknown>;

/** All that a client was sent, once TCP has ended. */
async function everything(client: RawClient): Promise<string> {
  await within("the end of TCP", client.peerEnded);
  return Buffer.concat(client.received).toString("latin1");
}

describe("plain HTTP", () => {
  const server = shareServer({ handlers });

  it("is answered by the handlers, request after request on one connection", async () => {
    const client = await RawClient.connect(server().port);
    for (const path of ["/echo", "/echo?second", "/nowhere"]) {
      client.write(plainRequest(path));
      const { status, headers } = await client.response();
      expect([status, headers["connection"]]).toEqual([
        path === "/nowhere" ? 404 : 200,
        "keep-alive",
      ]);
    }
  });

  it("is answered in order when it is pipelined, each request once it is its turn", async () => {
    const client = await RawClient.connect(server().port);
    client.write(
      plainRequest("/slow?ms=30") +
        `${plainRequest("/echo", ["Content-Length: 5"], "POST")}hello` +
        plainRequest("/echo?last", ["Connection: close"]),
    );
    expect((await client.response()).body).toBe("slow");
    expect(told(await client.response())).toMatchObject({ body: "hello" });
    const last = await client.response();
    expect(told(last)).toMatchObject({ url: "/echo?last" });
    expect(last.headers["connection"]).toBe("close");
    await within("the end of TCP", client.peerEnded);
  });

  it("takes a flood of pipelined requests, and answers every one", async () => {
    const client = await RawClient.connect(server().port);
    const count = 500;
    client.write(
      plainRequest("/deaf?status=200").repeat(count - 1) +
        plainRequest("/deaf?status=202", ["Connection: close"]),
    );
    const all = await everything(client);
    expect(all.match(/HTTP\/1\.1 20[02] /g)).toHaveLength(count);
  });

  it("takes bodies with a length, in chunks with trailers, and after 100 Continue", async () => {
    const client = await RawClient.connect(server().port);
    client.write(plainRequest("/echo", ["Content-Length: 3"], "PUT"));
    client.write("abc");
    expect(told(await client.response())).toMatchObject({
      method: "PUT",
      body: "abc",
    });
    client.write(plainRequest("/echo", ["Transfer-Encoding: chunked"], "POST"));
    client.write("3\r\nabc\r\nA\r\n0123456789\r\n0\r\nX-Sum: 13\r\n\r\n");
    expect(told(await client.response())).toMatchObject({
      body: "abc0123456789",
      trailers: { "x-sum": "13" },
    });
    client.write(
      plainRequest(
        "/echo",
        ["Content-Length: 3", "Expect: 100-continue"],
        "POST",
      ),
    );
    expect((await client.response()).status).toBe(100);
    client.write("xyz");
    expect(told(await client.response())).toMatchObject({ body: "xyz" });
    client.write(plainRequest("/echo", ["Expect: the best"], "POST"));
    expect((await client.response()).status).toBe(417);
  });

  it("throws the rest of a body away that the handlers do not read, and goes on", async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    onTestFinished(() => agent.destroy());
    const body = Buffer.alloc(3_000_000);
    for (const path of ["/deaf?status=413", "/echo", "/deaf?status=413"]) {
      const { port } = server();
      const { status } = await ask(port, path, { method: "POST", body, agent });
      expect(status).toBe(path === "/echo" ? 200 : 413);
    }
  });

  it("answers HEAD without a body, and HTTP/1.0 with the end of TCP", async () => {
    const client = await RawClient.connect(server().port);
    client.write(plainRequest("/slow?ms=0", [], "HEAD"));
    client.write("GET /slow?ms=0 HTTP/1.0\r\n\r\n");
    const all = await everything(client);
    expect(all.match(/HTTP\/1\.1 200 OK/g)).toHaveLength(2);
    expect(all.match(/slow/g)).toHaveLength(1);
  });

  it("takes an upgrade to another protocol for a request like any other", async () => {
    const client = await RawClient.connect(server().port);
    client.write(
      plainRequest("/echo", ["Upgrade: h2c", "Connection: Upgrade"]),
    );
    expect((await client.response()).status).toBe(200);
    client.write(plainRequest("/slow?ms=0"));
    expect((await client.response()).status).toBe(200);
  });

  it("gives way to a WebSocket on the same connection, with frames behind the request", async () => {
    const client = await RawClient.connect(server().port);
    client.write(plainRequest("/echo") + upgradeRequest("/chat"));
    expect((await client.response()).status).toBe(200);
    expect((await client.response()).status).toBe(101);
    client.send("hello");
    expect(await client.message()).toBe("hello");
    client.sendClose();
    await client.closeFrame();
  });

  it("leaves health checks to the server", async () => {
    const { probes } = server().stats().ledger;
    const client = await RawClient.connect(server().port);
    client.write(plainRequest("/healthz"));
    expect((await client.response()).body).toBe("ok\n");
    await until(
      "it is counted",
      () => server().stats().ledger.probes === probes + 1,
    );
  });

  it.each([
    [
      "both a length and chunks",
      plainRequest(
        "/echo",
        ["Content-Length: 5", "Transfer-Encoding: chunked"],
        "POST",
      ),
    ],
    [
      "a coding that is not chunked",
      plainRequest("/echo", ["Transfer-Encoding: gzip, chunked"], "POST"),
    ],
    [
      "chunks twice",
      plainRequest(
        "/echo",
        ["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"],
        "POST",
      ),
    ],
    [
      "two lengths",
      plainRequest("/echo", ["Content-Length: 0", "Content-Length: 5"], "POST"),
    ],
    [
      "a length with a sign",
      plainRequest("/echo", ["Content-Length: +5"], "POST"),
    ],
    [
      "a length beyond any",
      plainRequest("/echo", ["Content-Length: 99999999999999999999"], "POST"),
    ],
    [
      "chunks in HTTP/1.0",
      "POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
    ["a space before a colon", plainRequest("/echo", ["Content-Length : 5"])],
    ["the server's own header", plainRequest("/echo", ["Sluice-Probe: 1"])],
    ["a host of its own", plainRequest("http://other.test/echo")],
  ])("refuses %s, and nothing behind it is a request", async (_, bytes) => {
    const { requests } = server().stats().ledger;
    for (const before of ["", plainRequest("/slow?ms=0")]) {
      const client = await RawClient.connect(server().port);
      client.write(`${before}${bytes}0\r\n\r\n${plainRequest("/echo")}`);
      const statuses = (await everything(client)).match(/HTTP\/1\.1 \d+/g);
      expect(statuses).toEqual([
        ...(before === "" ? [] : ["HTTP/1.1 200"]),
        "HTTP/1.1 400",
      ]);
    }
    expect(server().stats().ledger.requests).toBe(requests + 1);
  });

  it.each(["CONNECT", "BREW"])("knows no method %s", async (method) => {
    const client = await RawClient.connect(server().port);
    client.write(plainRequest("/echo", [], method));
    expect((await client.response()).status).toBe(501);
  });

  it("gives up a request whose chunks are malformed", async () => {
    const before = server().stats().ledger.outcomes.cut;
    const client = await RawClient.connect(server().port);
    client.write(plainRequest("/echo", ["Transfer-Encoding: chunked"], "POST"));
    client.write(`5;ext=1\r\nhello\r\n0\r\n\r\n${plainRequest("/echo")}`);
    expect((await everything(client)).match(/HTTP\/1\.1 \d+/g)).toEqual([
      "HTTP/1.1 400",
    ]);
    await until(
      "it is cut",
      () => server().stats().ledger.outcomes.cut === before + 1,
    );
  });

  it("is told when its client has left, in the middle of an answer", async () => {
    const news = listenToNews();
    const client = await RawClient.connect(server().port);
    client.write(plainRequest(`/events?${news.query}`));
    await until("an event", () =>
      Buffer.concat(client.received).includes("data: 1"),
    );
    client.socket.end();
    await news.of("left");
    expect(await everything(client)).toContain("data: 1");
  });

  it("ends the connection whose socket the handlers destroy", async () => {
    const client = await RawClient.connect(server().port);
    client.write(plainRequest("/destroy"));
    expect(await everything(client)).toBe("");
  });
});

describe("a request hook that fails", () => {
  it.each(["throw", "reject"])(
    "is a 500, told as a handler's error, and costs its own connection only: %s",
    async (how) => {
      const errors = overhear(channels.handlerError);
      const { port } = await start();
      const client = await RawClient.connect(port);
      client.write(plainRequest(`/${how}`) + plainRequest("/echo"));
      const all = await everything(client);
      expect(all).toMatch(/^HTTP\/1\.1 500 .*Connection: close/s);
      expect(all).not.toContain("X-Half");
      expect(all.match(/HTTP\/1\.1/g)).toHaveLength(1);
      await errors.said({ hook: "request" });
      expect((await ask(port, "/slow?ms=0")).text).toBe("slow");
    },
  );

  it("cuts an answer that has begun, so that nobody takes half of it for all", async () => {
    const errors = overhear(channels.handlerError);
    const { port } = await start();
    await expect(ask(port, "/reject-late")).rejects.toThrow(
      /aborted|socket hang up|ECONNRESET/,
    );
    await errors.said({ hook: "request" });
  });
});

describe("deadlines of plain HTTP", () => {
  it("end a body that comes too slowly with 408", async () => {
    const server = await start({ requestDeadlineMs: 100 });
    const client = await RawClient.connect(server.port);
    client.write(plainRequest("/echo", ["Content-Length: 5"], "POST"));
    client.write("he");
    expect((await client.response()).status).toBe(408);
    await until("it is cut", () => server.stats().ledger.outcomes.cut === 1);
  });

  it("end a connection that waits for nothing, without a word that could be taken for an answer", async () => {
    const server = await start({ keepAliveDeadlineMs: 1 });
    const client = await RawClient.connect(server.port);
    client.write(plainRequest("/slow?ms=0"));
    expect((await everything(client)).match(/HTTP\/1\.1/g)).toHaveLength(1);
    await until(
      "it is served",
      () => server.stats().ledger.outcomes.served === 1,
    );
  });

  it("end an answer that its client does not read", async () => {
    const server = await start({ congestionDeadlineMs: 100 });
    const client = await RawClient.connect(server.port);
    client.socket.pause();
    client.write(plainRequest("/large?bytes=20000000"));
    expect(
      await until(
        "it is cut",
        () => server.stats().ledger.outcomes.cut === 1 && server.stats().ledger,
      ),
    ).toMatchObject({ requests: 1, answers: 0, plain: 0 });
  });

  it("do not hurry a client that reads slowly but reads", async () => {
    const { port } = await start({ congestionDeadlineMs: 10_000 });
    const { text } = await ask(port, "/large?bytes=20000000");
    expect(text).toHaveLength(20_000_000);
  });
});

describe("a shutdown", () => {
  it("lets answers under way be finished, ends who is idle, and everything adds up", async () => {
    const server = await start();
    const { port } = server;
    const idle = await RawClient.connect(port);
    idle.write(plainRequest("/slow?ms=0"));
    await idle.response();
    const begun = await RawClient.connect(port);
    begun.write(plainRequest("/gated"));
    await until("the answer has begun", () =>
      Buffer.concat(begun.received).includes("begun"),
    );
    const late = await RawClient.connect(port);
    late.write(plainRequest("/slow?ms=200"));
    await until(
      "both are under way",
      () => server.stats().states["plain.answering"] === 2,
    );
    const half = await RawClient.connect(port);
    half.write("GET / HTTP/1.1\r\nHost:");
    const gate = await RawClient.connect(port);
    gate.write(plainRequest("/slow?ms=0"));
    await gate.response();
    await until(
      "half a request is there",
      () => server.stats().ledger.upgrading === 1,
    );
    gate.write(plainRequest("/slow?ms=100"));
    const ended = server.shutdown({ deadlineMs: 8_000 });
    expect(await everything(idle)).not.toContain("408");
    expect((await late.response()).headers["connection"]).toBe("close");
    expect(await everything(half)).toMatch(/^HTTP\/1\.1 503/);
    server.force();
    const report = await ended;
    expect(report).toMatchObject({ balanced: true });
    expect(report.outcomes).toMatchObject({ rejected: 1, cut: 1, lost: 0 });
    expect(report.outcomes.served).toBe(report.accepted - 2);
  });

  it("ends in time what is never answered, as cut", async () => {
    const server = await start();
    const client = await RawClient.connect(server.port);
    client.write(plainRequest("/gated"));
    await until(
      "it is under way",
      () => server.stats().states["plain.answering"] === 1,
    );
    const report = await server.shutdown({ deadlineMs: 300 });
    expect(report).toMatchObject({
      balanced: true,
      deadlineHeld: true,
      requests: 1,
      answers: 0,
      outcomes: { cut: 1, served: 0 },
    });
  });

  it("that waits first says so with every answer, and takes requests meanwhile", async () => {
    const server = await start({ shutdownDelayMs: 3_000 });
    const { port } = server;
    const idle = await RawClient.connect(port);
    idle.write(plainRequest("/slow?ms=0"));
    expect((await idle.response()).headers["connection"]).toBe("keep-alive");
    const underWay = ask(port, "/slow?ms=300");
    await until(
      "it is under way",
      () => server.stats().states["plain.answering"] === 1,
    );
    const ended = server.shutdown();
    expect((await underWay).headers["connection"]).toBe("close");
    idle.write(plainRequest("/slow?ms=0"));
    expect((await idle.response()).headers["connection"]).toBe("close");
    await within("the end of TCP", idle.peerEnded);
    server.force();
    expect(await ended).toMatchObject({
      balanced: true,
      outcomes: { served: 2, cut: 0 },
    });
  });
});

describe("a reload", () => {
  it("finishes answers in the old thread, and answers in the new one", async () => {
    const server = await start();
    const { port } = server;
    const idle = await RawClient.connect(port);
    idle.write(plainRequest("/slow?ms=0"));
    await idle.response();
    const underWay = ask(port, "/slow?ms=400");
    await until(
      "it is under way",
      () => server.stats().states["plain.answering"] === 1,
    );
    const reloaded = server.reload();
    expect(await underWay).toMatchObject({ status: 200, text: "slow" });
    await within("the reload", reloaded);
    await within("the end of TCP", idle.peerEnded);
    expect((await ask(port, "/slow?ms=0")).status).toBe(200);
    expect(await server.shutdown()).toMatchObject({
      balanced: true,
      outcomes: { served: 3, cut: 0, rejected: 0 },
    });
  });
});

describe("a thread that dies", () => {
  it("cuts what it had not answered", async () => {
    const server = await start();
    const { port } = server;
    const idle = await RawClient.connect(port);
    idle.write(plainRequest("/slow?ms=0"));
    await idle.response();
    const lost = await RawClient.connect(port);
    lost.write(plainRequest("/gated"));
    await until(
      "it is under way",
      () => server.stats().states["plain.answering"] === 1,
    );
    const last = await RawClient.connect(port);
    last.write(plainRequest("/die"));
    await within("the end of TCP", last.peerEnded);
    await until(
      "the next thread serves",
      () => server.stats().shards[0]?.state === "serving.accepting",
    );
    expect(await server.shutdown()).toMatchObject({
      balanced: true,
      shardsCrashed: 1,
      outcomes: { served: 1, cut: 2 },
    });
  });
});

describe("over TLS", () => {
  it("is the same, and says that it is", async () => {
    const { serverCert, serverKey } = createCertificates();
    const { port } = await start({
      tlsCertFile: serverCert,
      tlsKeyFile: serverKey,
    });
    const socket = connectTls({
      port,
      host: "127.0.0.1",
      rejectUnauthorized: false,
    });
    onTestFinished(() => void socket.destroy());
    const client = new RawClient(socket);
    client.write(
      `${plainRequest("/echo", ["Content-Length: 5"], "POST")}hello`.concat(
        plainRequest("/large?bytes=1000000"),
        upgradeRequest("/chat"),
      ),
    );
    expect(told(await client.response())).toMatchObject({
      isEncrypted: true,
      body: "hello",
    });
    expect((await client.response()).body).toHaveLength(1_000_000);
    expect((await client.response()).status).toBe(101);
    client.send("hello");
    expect(await client.message()).toBe("hello");
  });
});

describe("the client's address", () => {
  it("is what a trusted proxy says, request by request", async () => {
    const { port } = await start({ trustedProxies: "loopback" });
    const client = await RawClient.connect(port);
    for (const address of ["192.0.2.1", "192.0.2.2"]) {
      client.write(plainRequest("/echo", [`X-Forwarded-For: ${address}`]));
      expect(told(await client.response())).toMatchObject({ address });
    }
  });
});

describe("a full server", () => {
  it("refuses requests of new connections, and answers those that it has", async () => {
    const { port } = await start({ maxConnections: 1 });
    const client = await RawClient.connect(port);
    client.write(plainRequest("/slow?ms=0"));
    await client.response();
    const other = await RawClient.connect(port);
    other.write(plainRequest("/slow?ms=0"));
    expect((await other.response()).status).toBe(503);
    client.write(plainRequest("/slow?ms=0"));
    expect((await client.response()).status).toBe(200);
  });
});
