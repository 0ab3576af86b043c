import { availableParallelism } from "node:os";
import { pathToFileURL } from "node:url";

import { describe, expect, it } from "vitest";

import { resolveConfig } from "../../src/config.ts";
import type { ServerOptions } from "../../src/config.ts";
import { SluiceError } from "../../src/errors.ts";

/** What the refusal of such options says; as JavaScript may pass them. */
function refusal(options: unknown): string {
  try {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what a JavaScript caller can do
    resolveConfig(options as ServerOptions);
  } catch (error) {
    if (error instanceof SluiceError && error.code === "ERR_SLUICE_OPTION") {
      return error.message;
    }
    throw error;
  }
  return "accepted";
}

describe("resolveConfig", () => {
  it("gives every option a default that is safe to serve with", () => {
    const config = resolveConfig();
    expect(config).toMatchObject({
      host: "127.0.0.1",
      port: 8080,
      workers: Math.min(availableParallelism(), 256),
      shutdownDeadlineMs: 8000,
      closeCode: 1001,
      closeRate: "auto",
      maxPayloadBytes: 1_048_576,
      origins: "same",
      trustedProxies: [],
      compression: false,
    });
    expect(config.handlers).toBeUndefined();
  });

  it("takes an undefined option for one that was left out", () => {
    expect(resolveConfig({ port: undefined })).toEqual(resolveConfig());
  });

  it("reads durations, sizes, numbers and booleans from text", () => {
    const config = resolveConfig({
      port: "9000",
      shutdownDeadlineMs: "2m",
      pongDeadlineMs: "1.5s",
      heartbeatIntervalMs: "45000",
      maxPayloadBytes: "64KB",
      maxHeaderBytes: "0.5 MiB",
      closeRate: "250",
    });
    expect(config).toMatchObject({
      port: 9000,
      shutdownDeadlineMs: 120_000,
      pongDeadlineMs: 1500,
      heartbeatIntervalMs: 45_000,
      maxPayloadBytes: 65_536,
      maxHeaderBytes: 524_288,
      closeRate: 250,
    });
  });

  it("can be posted to a worker thread and stays as it is", () => {
    const config = resolveConfig({
      handlers: new URL("file:///srv/handlers.ts"),
      origins: ["https://app.example.com"],
    });
    expect(structuredClone(config)).toEqual(config);
    expect(Object.isFrozen(config)).toBe(true);
  });

  it("accepts its own result", () => {
    const config = resolveConfig({
      handlers: "./handlers.ts",
      tlsKeyFile: "key.pem",
      tlsCertFile: "cert.pem",
      trustedProxies: ["loopback", "10.0.0.0/8"],
      origins: ["*.example.com", "http://localhost:*"],
      closeRate: "unlimited",
    });
    expect(resolveConfig(config)).toEqual(config);
  });

  it("makes paths absolute, and handlers an URL that import() takes", () => {
    const config = resolveConfig({
      handlers: "lib/handlers.ts",
      tlsKeyFile: "key.pem",
      tlsCertFile: new URL("file:///etc/tls/cert.pem"),
    });
    expect(config.handlers).toBe(pathToFileURL("lib/handlers.ts").href);
    expect(config.tlsKeyFile).toBe(`${process.cwd()}/key.pem`);
    expect(config.tlsCertFile).toBe("/etc/tls/cert.pem");
  });

  it("keeps a data: URL of handlers as it is", () => {
    const handlers = "data:text/javascript,export default {}";
    expect(resolveConfig({ handlers }).handlers).toBe(handlers);
  });

  it("spells origins as browsers do", () => {
    const origins = [
      "https://App.Example.com/",
      "https://*.example.com:8443",
      "http://[::1]:*",
      "https://bücher.example",
      "example.com",
    ];
    expect(resolveConfig({ origins }).origins).toEqual([
      "https://app.example.com",
      "https://*.example.com:8443",
      "http://[::1]:*",
      "https://xn--bcher-kva.example",
      "example.com",
    ]);
  });

  it("reads lists from text with commas", () => {
    const config = resolveConfig({
      origins: "https://a.example, https://b.example",
      trustedProxies: "127.0.0.1,",
    });
    expect(config.origins).toEqual(["https://a.example", "https://b.example"]);
    expect(config.trustedProxies).toEqual(["127.0.0.1"]);
  });

  it("spells out the words for addresses, once each", () => {
    const trustedProxies = ["loopback", "private", "::1/128"];
    expect(resolveConfig({ trustedProxies }).trustedProxies).toEqual([
      "127.0.0.0/8",
      "::1/128",
      "10.0.0.0/8",
      "172.16.0.0/12",
      "192.168.0.0/16",
      "100.64.0.0/10",
      "fc00::/7",
    ]);
  });

  it.each([1000, 1003, 1007, 1012, 1014, 3000, 4999])(
    "takes close code %i, which may be sent",
    (closeCode) => {
      expect(resolveConfig({ closeCode }).closeCode).toBe(closeCode);
    },
  );

  it.each([999, 1004, 1005, 1006, 1015, 2999, 5000, 1000.5])(
    "refuses close code %d, which may not be sent",
    (closeCode) => {
      expect(refusal({ closeCode })).toBe(
        `closeCode: got ${closeCode}, takes a close code that may be sent: 1000 to 1003, 1007 to 1014 or 3000 to 4999`,
      );
    },
  );

  it.each([
    [{ port: "http" }, 'port: got "http", takes an integer from 0 to 65535'],
    [{ port: 65_536 }, "port: got 65536, takes an integer from 0 to 65535"],
    [{ port: null }, "port: got null, takes an integer from 0 to 65535"],
    [{ workers: 0 }, "workers: got 0, takes an integer from 1 to 256"],
    [{ workers: 1.5 }, "workers: got 1.5, takes an integer from 1 to 256"],
    [
      { workers: Number.NaN },
      "workers: got NaN, takes an integer from 1 to 256",
    ],
    [
      { balance: "random" },
      'balance: got "random", takes "least-connections" or "round-robin"',
    ],
    [
      { closeRate: "fast" },
      'closeRate: got "fast", takes "auto", "unlimited" or an integer from 1 to 10000000',
    ],
    [
      { maxHeaderBytes: "12 bananas" },
      'maxHeaderBytes: got "12 bananas", takes a size such as "64KiB" or a number of bytes, from 512B to 1MiB',
    ],
    [
      { pongDeadlineMs: "0.5ms" },
      'pongDeadlineMs: got "0.5ms", takes a duration such as "8s", "500ms" or a number of milliseconds, from 1ms to 2147483647ms',
    ],
    [
      { host: "ws://localhost" },
      'host: got "ws://localhost", takes an IP address or a host name, without scheme or port',
    ],
    [{ compression: 1 }, "compression: got 1, takes true or false"],
    [
      { handlers: () => ({}) },
      "handlers: got [Function: handlers], takes the path or the file URL of a module",
    ],
    [
      { handlers: "https://example.com/handlers.js" },
      'handlers: got "https://example.com/handlers.js", takes the path or the file URL of a module',
    ],
    [{ tlsKeyFile: "" }, 'tlsKeyFile: got "", takes the path of a file'],
  ])("says what %j got and what it takes", (options, message) => {
    expect(refusal(options)).toBe(message);
  });

  it.each([
    "https://app.example.com/path",
    "*",
    "null",
    "https://",
    "https://a b",
  ])("refuses the origin %j", (origin) => {
    expect(refusal({ origins: [origin] })).toMatch(/^origins: got .* takes /);
  });

  it.each([
    "10.0.0.0/33",
    "10.0.0",
    "fe80::1%eth0",
    "::1/129",
    "::ffff:10.0.0.1/40",
    "10.0.0.0/8/8",
    "proxy.example.com",
  ])("refuses the proxy %j", (proxy) => {
    expect(refusal({ trustedProxies: proxy })).toMatch(
      /^trustedProxies: got .* takes a list of IP addresses/,
    );
  });

  it.each([
    ["prot", "port"],
    ["maxPayload", "maxPayloadBytes"],
    ["shutdownDeadline", "shutdownDeadlineMs"],
    ["Origin", "origins"],
  ])("refuses %s and asks whether %s was meant", (unknown, meant) => {
    expect(refusal({ [unknown]: 1 })).toBe(
      `${unknown}: no such option; did you mean ${meant}?`,
    );
  });

  it("refuses an unknown option that resembles none without guessing", () => {
    expect(refusal({ toString: 1 })).toBe("toString: no such option");
  });

  it.each([null, 8080, "8080"])("refuses %j in place of options", (options) => {
    expect(refusal(options)).toMatch(/^options: got .* takes an object/);
  });

  it.each([
    [
      { lowWaterMarkBytes: "1MiB" },
      "lowWaterMarkBytes: got 1MiB, takes less than highWaterMarkBytes (its default), which is 1MiB",
    ],
    [
      { highWaterMarkBytes: 1000 },
      "lowWaterMarkBytes (its default): got 256KiB, takes less than highWaterMarkBytes, which is 1000B",
    ],
    [
      { maxBufferedBytes: "1MiB" },
      "highWaterMarkBytes (its default): got 1MiB, takes less than maxBufferedBytes, which is 1MiB",
    ],
    [
      { shutdownDelayMs: "1500ms", shutdownDeadlineMs: "1s" },
      "shutdownDelayMs: got 1500ms, takes less than shutdownDeadlineMs, which is 1s",
    ],
    [
      { minReadyShards: 3, workers: 2 },
      "minReadyShards: got 3, takes no more than workers, which is 2: it would never be ready",
    ],
    [
      { workerHeapMb: 1 },
      "workerHeapMb: got 1, takes 0 or an integer from 32 to 1048576",
    ],
    [
      { tlsKeyFile: "/key.pem" },
      'tlsKeyFile: got "/key.pem", takes tlsCertFile beside it: TLS needs both',
    ],
    [
      { tlsCertFile: "/cert.pem" },
      'tlsCertFile: got "/cert.pem", takes tlsKeyFile beside it: TLS needs both',
    ],
    [
      { natsTlsCertFile: "/cert.pem" },
      'natsTlsCertFile: got "/cert.pem", takes natsTlsKeyFile beside it: TLS needs both',
    ],
    [
      { maxPayloadBytes: "16MiB", maxPublishBacklogBytes: "32MiB" },
      "maxBufferedBytes (its default): got 16MiB, takes at least 16777226B, since maxPayloadBytes is 16MiB",
    ],
    [
      { maxPayloadBytes: "4MiB" },
      "maxPublishBacklogBytes (its default): got 4MiB, takes at least 4194688B, since maxPayloadBytes is 4MiB",
    ],
    [
      { maxBytesPerSecond: 1000 },
      "maxBytesPerSecond: got 1000B, takes at least 1MiB, since maxPayloadBytes (its default) is 1MiB",
    ],
    [
      { admin: true, port: 8080, adminPort: 8080 },
      "adminPort: got 8080, takes another than port",
    ],
  ])("refuses %j, which contradict each other", (options, message) => {
    expect(refusal(options)).toBe(message);
  });

  it("calls an option what its caller calls it", () => {
    expect(() => resolveConfig({ workers: 0 }, (key) => `--${key}`)).toThrow(
      "--workers: got 0, takes an integer from 1 to 256",
    );
    expect(() =>
      resolveConfig({ shutdownDelayMs: 9000 }, (key) => `<${key}>`),
    ).toThrow(
      "<shutdownDelayMs>: got 9s, takes less than <shutdownDeadlineMs> (its default), which is 8s",
    );
  });
});
