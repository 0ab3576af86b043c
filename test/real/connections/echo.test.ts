import { expect, it } from "vitest";
import { serveCommand } from "../../support/command.ts";
import { listenToNews } from "../../support/news.ts";
import { RawClient } from "../../support/raw-client.ts";
import { startServer } from "../../support/server.ts";

it("echoes, closes, and tells the handlers how it ended", async () => {
  const server = await startServer();
  const news = listenToNews();
  const client = await RawClient.open(server.port, `/echo?${news.query}`);
  client.send("hello");
  expect(await client.message()).toBe("hello");
  const report = server.shutdown();
  expect(await client.closed()).toMatchObject({ code: 1001 });
  expect(await news.of("closed")).toMatchObject({
    outcome: "clean",
    code: 1001,
    state: "terminated",
    isAborted: true,
    sent: "closed",
  });
  expect((await report).outcomes.clean).toBe(1);
});

it("does so in a process of its own", async () => {
  const command = await serveCommand(["--workers", "2"]);
  const client = await RawClient.open(command.port);
  client.send("hello");
  expect(await client.message()).toBe("hello");
  command.kill("SIGTERM");
  expect(await client.closed()).toMatchObject({ code: 1001 });
  const { status, report } = await command.ended;
  expect(status).toBe(0);
  expect(report).toMatchObject({ opened: 1, balanced: true });
});
