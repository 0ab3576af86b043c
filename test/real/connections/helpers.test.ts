import { readdirSync, readlinkSync } from "node:fs";
import { describe, expect, it, onTestFinished } from "vitest";
import { RawClient } from "../../support/raw-client.ts";
import { startServer } from "../../support/server.ts";
import { within } from "../../support/within.ts";

/** A message starts a helper, whose process is named in the answer; it inherits whatever is open. */
const HANDLERS = `data:text/javascript,${encodeURIComponent(`
import { spawn } from "node:child_process";
export default {
  message(connection) {
    const helper = spawn("sleep", ["600"], { stdio: "ignore" });
    helper.unref();
    connection.send(String(helper.pid));
  },
};`)}`;

/** Starts a helper from a handler; it ends with the test. */
async function startHelper(client: RawClient): Promise<number> {
  client.send("now");
  const pid = Number(await client.message());
  onTestFinished(() => void process.kill(pid, "SIGKILL"));
  return pid;
}

function socketsOf(pid: number): number {
  const folder = `/proc/${pid}/fd`;
  return readdirSync(folder).filter((descriptor) =>
    readlinkSync(`${folder}/${descriptor}`).startsWith("socket:"),
  ).length;
}

describe.runIf(process.platform === "linux")(
  "a client whose socket a helper of the handlers has inherited",
  () => {
    it("sees the end of TCP when it closes, though the helper lives on", async () => {
      const server = await startServer({ handlers: HANDLERS });
      const client = await RawClient.open(server.port, "/");
      const helper = await startHelper(client);
      // What is to be shown would be nothing otherwise.
      expect(socketsOf(helper)).toBeGreaterThan(0);
      client.sendClose(1000);
      expect(await client.closeFrame()).toMatchObject({ code: 1000 });
      await within("the end of TCP", client.peerEnded);
      expect(socketsOf(helper)).toBeGreaterThan(0);
    });

    it("sees it at a shutdown", async () => {
      const server = await startServer({ handlers: HANDLERS });
      const client = await RawClient.open(server.port, "/");
      const helper = await startHelper(client);
      const report = server.shutdown();
      expect(await client.closeFrame()).toMatchObject({ code: 1001 });
      client.sendClose(1001);
      await within("the end of TCP", client.peerEnded);
      expect(await report).toMatchObject({ outcomes: { clean: 1 } });
      expect(socketsOf(helper)).toBeGreaterThan(0);
    });
  },
);
