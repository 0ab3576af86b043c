import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, expect, it, onTestFinished } from "vitest";
import { OPCODE, readClose } from "../../../src/testing/frame-codec.ts";
import { RawClient } from "../../support/raw-client.ts";
import { startServer, type TestServer } from "../../support/server.ts";
import {
  ensureSystemPackages,
  INSTALL_TIMEOUT_MS,
  systemPrograms,
} from "../../support/system-packages.ts";
import { until, within } from "../../support/within.ts";
import { Member, TOPIC_SERVICE } from "../topics/member.ts";
import { freePort, NatsServer } from "./nats-server.ts";

const CONFIG = new URL(
  "../../../examples/cluster/haproxy.cfg",
  import.meta.url,
);
const CLIENTS = 12;

beforeAll(
  () => ensureSystemPackages(["nats-server", "haproxy"]),
  INSTALL_TIMEOUT_MS,
);

/** HAProxy with the example's configuration, but for the addresses; resolves to its port. */
async function startBalancer(
  one: TestServer,
  two: TestServer,
): Promise<number> {
  const port = await freePort();
  const replacements = [
    ["bind :8080", `bind 127.0.0.1:${port}`],
    ["sluice-1:8080", `127.0.0.1:${one.port}`],
    ["sluice-2:8080", `127.0.0.1:${two.port}`],
  ] as const;
  let config = await readFile(CONFIG, "utf8");
  for (const [example, here] of replacements) {
    expect(config).toContain(example);
    config = config.replace(example, here);
  }
  const folder = await mkdtemp(join(tmpdir(), "sluice-haproxy-"));
  const file = join(folder, "haproxy.cfg");
  await writeFile(file, config);
  const balancer = spawn(systemPrograms.haproxy, ["-db", "-f", file], {
    stdio: "ignore",
  });
  const ended = once(balancer, "exit");
  onTestFinished(async () => {
    balancer.kill("SIGKILL");
    await ended;
    await rm(folder, { recursive: true });
  });
  await until("the balancer serves", () =>
    RawClient.open(port, "/").then(
      (client) => {
        client.destroy();
        return true;
      },
      () => false,
    ),
  );
  return port;
}

it("goes as the example says: two instances behind a load balancer, one of which leaves", async () => {
  const nats = await NatsServer.start();
  const startInstance = (): Promise<TestServer> =>
    startServer({
      handlers: TOPIC_SERVICE,
      nats: [nats.url],
      clusterHeartbeatMs: 200,
      trustedProxies: "loopback",
      // The balancer looks once a second.
      shutdownDelayMs: 2_000,
      shutdownDeadlineMs: 10_000,
    });
  const [one, two] = [await startInstance(), await startInstance()];
  for (const server of [one, two])
    await until(
      "the link",
      () => server.stats().cluster?.state === "connected",
    );
  const port = await startBalancer(one, two);
  const members: Member[] = [];
  while (members.length < CLIENTS) {
    members.push(await Member.join(port, "news"));
    await until(
      "it is counted",
      () => one.stats().connections + two.stats().connections >= members.length,
    );
  }
  expect(one.stats().connections).toBeGreaterThan(0);
  expect(two.stats().connections).toBeGreaterThan(0);
  await until("all are known everywhere", async () => {
    const { here, cluster } = await one.subscribers("news");
    return here + cluster === CLIENTS || cluster === CLIENTS;
  });
  one.publish("news", "hello");
  for (const member of members) expect(await member.hears()).toBe("hello");

  const report = one.shutdown();
  const told = await Promise.all(
    members.map(async ({ client }) => {
      const frame = await Promise.race([
        client.next(),
        report.then(() => undefined),
      ]);
      if (frame?.opcode !== OPCODE.close) return undefined;
      client.sendClose(1001);
      return readClose(frame);
    }),
  );
  const goodbyes = told.filter((closeStatus) => closeStatus !== undefined);
  const { outcomes, balanced } = await within("its end", report, 15_000);
  expect(balanced).toBe(true);
  expect(outcomes).toMatchObject({ forced: 0, crashed: 0 });
  expect(goodbyes).toHaveLength(outcomes.clean);
  expect(goodbyes.length).toBeGreaterThan(0);
  for (const { code, reason } of goodbyes) {
    expect(code).toBe(1001);
    expect(reason).toMatch(/^retry-after-ms=\d+$/);
  }
  // Whoever comes back finds the other one.
  const before = two.stats().connections;
  const back = await Member.join(port, "news");
  expect(two.stats().connections).toBe(before + 1);
  two.publish("news", "again");
  expect(await back.hears()).toBe("again");
});
