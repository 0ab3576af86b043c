import { describe, expect, it } from "vitest";

import { main } from "../../../src/cli/main.ts";
import { serveRows } from "../../../src/cli/option-rows.ts";
import { FakeIo } from "./fake-io.ts";

async function run(...args: readonly string[]) {
  const io = new FakeIo({ args });
  const status = await main(io);
  return { status, out: io.stdout.text, err: io.stderr.text };
}

describe("sluice serve --help", () => {
  it("fits the smallest screen, prompt included", async () => {
    const { status, out } = await run("serve", "--help");
    const lines = out.trimEnd().split("\n");
    expect(status).toBe(0);
    expect(lines.length).toBeLessThanOrEqual(23);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(
      80,
    );
  });

  it("shows what most people need, with its default", async () => {
    const { out } = await run("serve", "-h");
    for (const line of [
      "--host HOST                address or host name to listen on [127.0.0.1]",
      "--port PORT                TCP port; 0 takes any free one [8080]",
      "--workers N                shards, that is, worker threads [one per core]",
      "--shutdown-deadline TIME   whole shutdown, from the signal to the report [8s]",
      "--close-code CODE          close code that clients are sent [1001]",
      "--report json|text|none    shutdown report on stdout [text on a terminal]",
    ]) {
      expect(out).toContain(`  ${line}\n`);
    }
  });

  it("leads to every other option", async () => {
    const { status, out } = await run("serve", "--help-all");
    expect(status).toBe(0);
    for (const { flag } of serveRows) expect(out).toContain(`  ${flag} `);
    const widths = out.split("\n").map((line) => line.length);
    expect(Math.max(...widths)).toBeLessThanOrEqual(100);
  });
});

describe("sluice", () => {
  it("prints its version", async () => {
    const { status, out } = await run("--version");
    expect(status).toBe(0);
    expect(out).toMatch(/^\d+\.\d+\.\d+\S*\n$/);
  });

  it("prints its commands when asked for help", async () => {
    const { status, out } = await run("--help");
    expect(status).toBe(0);
    expect(out).toContain("serve [options] [handlers]");
  });

  it("prints its commands on stderr when given none", async () => {
    const { status, out, err } = await run();
    expect(status).toBe(2);
    expect(out).toBe("");
    expect(err).toContain("serve [options] [handlers]");
  });
});

describe("the help of what speaks to a running server", () => {
  it.each(["status", "connections", "drain", "restart", "close", "shutdown"])(
    "sluice %s says where the server is looked for, not how one is served",
    async (command) => {
      const { out } = await run(command, "--help");
      expect(out).toContain("where the running server's inspector is [127");
      expect(out).not.toContain("takes any free one");
    },
  );

  it("sluice cluster says which cluster is asked", async () => {
    const { out } = await run("cluster", "--help");
    expect(out).toContain("NATS servers of the cluster");
    expect(out).not.toContain("that make instances one cluster");
  });
});

describe("wrong usage ends with status 2 and one clear message", () => {
  it.each([
    [["serv"], "error: unknown command 'serv'\n(Did you mean serve?)\n"],
    [
      ["serve", "--prot", "1"],
      "error: unknown option '--prot'\n(Did you mean --port?)\n",
    ],
    [["serve", "--port"], "error: option '--port <PORT>' argument missing\n"],
    [
      ["serve", "--port", "http"],
      'error: --port: got "http", takes an integer from 0 to 65535\n',
    ],
    [
      ["serve", "a.ts", "b.ts"],
      "error: too many arguments for 'serve'. Expected 1 argument but got 2: a.ts, b.ts.\n",
    ],
    [
      ["serve", "a.ts", "--handlers", "b.ts"],
      "error: handlers given twice, as an argument and with --handlers\n",
    ],
    [
      ["serve", "--tls-key-file", "/key.pem"],
      'error: --tls-key-file: got "/key.pem", takes --tls-cert-file beside it: TLS needs both\n',
    ],
    [
      ["serve", "--trusted-proxies", "loopback", "--trusted-proxies", "nginx"],
      'error: --trusted-proxies: got "loopback,nginx", takes a list of IP addresses and CIDR blocks, "loopback" and "private"\n',
    ],
    [
      ["serve", "--no-compression", "--close-code", "1005"],
      'error: --close-code: got "1005", takes a close code that may be sent: 1000 to 1003, 1007 to 1014 or 3000 to 4999\n',
    ],
  ])("sluice %j", async (args, message) => {
    const { status, out, err } = await run(...args);
    expect(err).toBe(message);
    expect(out).toBe("");
    expect(status).toBe(2);
  });
});
