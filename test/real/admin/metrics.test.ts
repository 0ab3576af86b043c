import { execFile } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { promisify } from "node:util";
import { beforeAll, describe, expect, it } from "vitest";
import { root } from "../../support/built.ts";
import { startServer } from "../../support/server.ts";
import {
  ensureSystemPackages,
  INSTALL_TIMEOUT_MS,
  systemPrograms,
} from "../../support/system-packages.ts";
import { until } from "../../support/within.ts";
import { callAdmin, connect, post } from "./call-admin.ts";

const ADMIN = { admin: true, adminPort: 0 } as const;
type Server = Awaited<ReturnType<typeof startServer>>;

async function scrape(server: Server): Promise<string> {
  return (await callAdmin(server, "/metrics")).text;
}

/** Prometheus' own judgement: status, and what it complains about. */
async function lint(metrics: string): Promise<[number | null, string]> {
  const child = execFile(systemPrograms.prometheus, ["check", "metrics"]);
  let said = "";
  child.stderr?.on("data", (chunk: string) => (said += chunk));
  child.stdin?.end(metrics);
  const [status] = (await once(child, "close")) as [number | null];
  return [status, said];
}

describe("/metrics", () => {
  beforeAll(() => ensureSystemPackages(["prometheus"]), INSTALL_TIMEOUT_MS);

  it("passes promtool's check of its metrics", async () => {
    const server = await startServer(ADMIN);
    const client = await connect(server);
    client.send("hello");
    await once(client, "message");
    await scrape(server);
    const text = await until("all gauges are there", async () => {
      const scraped = await scrape(server);
      return scraped.includes("sluice_heap_used_bytes{") && scraped;
    });
    expect(await lint(text)).toEqual([0, ""]);
    expect(text).toContain(
      'sluice_connections{shard="0",state="open.healthy"} 1',
    );
    expect(text).toContain('sluice_messages_received_total{shard="0"} 1');
    expect(text).toContain("sluice_ready 1");
  });

  it("has rules for alarms that Prometheus takes", async () => {
    const rules = join(root, "docs/grafana/alerts.yaml");
    const { stdout } = await promisify(execFile)(systemPrograms.prometheus, [
      ...["check", "rules"],
      rules,
    ]);
    expect(stdout).toMatch(/SUCCESS: \d+ rules found/);
  });

  it("counts on when a shard is started again", async () => {
    const server = await startServer(ADMIN);
    const client = await connect(server);
    await post(server, "/api/shards/0/restart");
    await once(client, "close");
    await until("the shard serves again", () =>
      server
        .stats()
        .shards.every(
          ({ state, restarts }) =>
            restarts === 1 && state === "serving.accepting",
        ),
    );
    await connect(server);
    const text = await scrape(server);
    expect(text).toContain('sluice_connections_opened_total{shard="0"} 2');
    expect(text).toContain('sluice_shard_restarts_total{shard="0"} 1');
    expect(text).toContain(
      'sluice_connections_ended_total{shard="0",outcome="clean"} 1',
    );
  });

  it("has labels that no peer can multiply", async () => {
    const server = await startServer(ADMIN);
    for (const code of [3000, 3001, 4000, 4999, 1000]) {
      const client = await connect(server);
      client.close(code);
      await once(client, "close");
    }
    await until(
      "all are counted",
      () => server.stats().ledger.outcomes.clean === 5,
    );
    const codes = [
      ...(await scrape(server)).matchAll(
        /^sluice_connections_closed_total\{code="(.*)"\} (\d+)$/gm,
      ),
    ].map(([, code, count]) => [code, Number(count)]);
    expect(codes).toEqual([
      ["1000", 1],
      ["3xxx", 2],
      ["4xxx", 2],
    ]);
  });
});
