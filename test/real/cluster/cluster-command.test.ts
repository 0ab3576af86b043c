import { beforeAll, expect, it } from "vitest";
import { main } from "../../../src/cli/main.ts";
import { FakeIo } from "../../unit/cli/fake-io.ts";
import { startServer } from "../../support/server.ts";
import {
  ensureSystemPackages,
  INSTALL_TIMEOUT_MS,
} from "../../support/system-packages.ts";
import { until } from "../../support/within.ts";
import { NatsServer } from "./nats-server.ts";

beforeAll(() => ensureSystemPackages(["nats-server"]), INSTALL_TIMEOUT_MS);

/** What the command prints on stdout, and its exit status. */
async function run(
  ...args: string[]
): Promise<{ status: number; out: string; err: string }> {
  const io = new FakeIo({ args: ["cluster", ...args] });
  const status = await main(io);
  return { status, out: io.stdout.text, err: io.stderr.text };
}

it("lists the instances of a cluster, for people and for programs, with credentials", async () => {
  const nats = await NatsServer.start("--user", "sluice", "--pass", "secret");
  const url = `nats://sluice:secret@127.0.0.1:${nats.port}`;
  const options = { nats: [url], clusterName: "blue", clusterHeartbeatMs: 200 };
  const servers = [await startServer(options), await startServer(options)];
  for (const server of servers)
    await until("all are listed", async () => {
      const listed = await server.instances().catch(() => []);
      return listed.filter(({ state }) => state === "listening").length === 2;
    });
  const where = ["--nats", url, "--cluster-name", "blue"];
  const { status, out } = await run(...where);
  expect(status).toBe(0);
  for (const { instance, port } of servers)
    expect(out).toMatch(
      new RegExp(`${instance} +127\\.0\\.0\\.1:${port} +listening +0\\.\\d`),
    );
  const json = await run(...where, "--json");
  expect(JSON.parse(json.out)).toHaveLength(2);
  const other = await run("--nats", url, "--cluster-name", "green");
  expect(other).toMatchObject({ status: 0, out: "no instance is running\n" });

  const refused = await run("--nats", nats.url);
  expect(refused.status).toBe(1);
  expect(refused.err).toMatch(/nats: 127\.0\.0\.1:\d+ cannot be reached: /);
  expect(refused.err).not.toContain("secret");
});

it("says what it takes when it is not told where the cluster is", async () => {
  const { status, err } = await run();
  expect(status).toBe(2);
  expect(err).toContain("--nats: got nothing, takes the NATS servers");
});
