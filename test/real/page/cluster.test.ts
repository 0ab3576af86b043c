import { beforeAll, describe, expect, it } from "vitest";
import { callAdmin } from "../admin/call-admin.ts";
import { NatsServer } from "../cluster/nats-server.ts";
import { Member, TOPIC_SERVICE } from "../topics/member.ts";
import { startServer, type TestServer } from "../../support/server.ts";
import {
  ensureSystemPackages,
  INSTALL_TIMEOUT_MS,
} from "../../support/system-packages.ts";
import { until } from "../../support/within.ts";
import { open, picture, useBrowser } from "./browser.ts";

const ADMIN = { admin: true, adminPort: 0 } as const;

async function startInstance(nats: NatsServer): Promise<TestServer> {
  const server = await startServer({
    ...ADMIN,
    handlers: TOPIC_SERVICE,
    nats: [nats.url],
    clusterHeartbeatMs: 200,
  });
  await until("the link", () => server.stats().cluster?.state === "connected");
  return server;
}

describe("the inspector of an instance", () => {
  beforeAll(() => ensureSystemPackages(["nats-server"]), INSTALL_TIMEOUT_MS);
  useBrowser();

  it("shows the link and the other instances, also when NATS goes away", async () => {
    const nats = await NatsServer.start();
    const [one, two] = [await startInstance(nats), await startInstance(nats)];
    const ann = await Member.join(two.port, "news");
    await until(
      "ann is known",
      async () => (await one.subscribers("news")).cluster === 1,
    );
    one.publish("news", "hello");
    expect(await ann.hears()).toBe("hello");
    const page = await open(one.adminAddress, "#/cluster");
    const rows = page.locator("tbody tr");
    await rows.nth(1).waitFor();
    let texts: string[] = [];
    await until("exactly one of them is this one", async () => {
      texts = await rows.allTextContents();
      return texts.filter((text) => text.includes("this one")).length === 1;
    });
    expect(texts.join(" ")).toContain(two.instance);
    const link = page.getByRole("article", { name: "Link to NATS" });
    await link.getByText("connected").waitFor();
    await link.locator("div", { hasText: /^sent1$/ }).waitFor();
    await picture(page, "cluster");
    const metrics = (await callAdmin(one, "/metrics")).text;
    expect(metrics).toMatch(/^sluice_cluster_connected 1$/m);
    expect(metrics).toMatch(/^sluice_cluster_messages_sent_total 1$/m);
    await nats.kill();
    await link.getByText("backingOff").waitFor();
    await link.locator(".failure").waitFor();
    await page
      .getByRole("status")
      .filter({ hasText: "the registry cannot be reached" })
      .waitFor();
    expect((await callAdmin(one, "/api/instances")).status).toBe(503);
    expect((await callAdmin(one, "/metrics")).text).toMatch(
      /^sluice_cluster_connected 0$/m,
    );
  });

  it("has nothing to say of a cluster where there is none", async () => {
    const server = await startServer(ADMIN);
    const page = await open(server.adminAddress);
    const views = page.getByRole("navigation", { name: "Views" });
    await views.getByText("Shutdown").waitFor();
    await page.getByText("listening", { exact: true }).first().waitFor();
    expect(await views.getByText("Cluster").count()).toBe(0);
    expect((await callAdmin(server, "/api/instances")).json()).toEqual([]);
    const metrics = (await callAdmin(server, "/metrics")).text;
    expect(metrics).not.toContain("sluice_cluster_");
  });
});
