import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";
import { startServer } from "../../support/server.ts";
import {
  ensureSystemPackages,
  INSTALL_TIMEOUT_MS,
} from "../../support/system-packages.ts";
import { RETRY_TIME } from "./shutdown-close.ts";
import { type Program, runProgram } from "./run-program.ts";

const SCRIPT = fileURLToPath(new URL("echo_client.py", import.meta.url));

/** Debian's own Python, which has the package. */
function runClient(port: number, ending: string, compression = ""): Program {
  const url = `ws://127.0.0.1:${port}/echo`;
  return runProgram("/usr/bin/python3", [SCRIPT, url, ending, compression]);
}

describe("websockets for Python", () => {
  beforeAll(
    async () => await ensureSystemPackages(["python3-websockets"]),
    INSTALL_TIMEOUT_MS,
  );

  it.each(["", "deflate"])(
    "connects, echoes and closes, with compression %j",
    async (compression) => {
      const server = await startServer({ compression: compression !== "" });
      const client = runClient(server.port, "close", compression);
      expect(JSON.parse(await client.line())).toEqual({
        text: true,
        data: true,
        parts: "in three parts",
      });
      expect(JSON.parse(await client.line())).toMatchObject({ code: 4000 });
      expect(await client.ended).toMatchObject({ status: 0, stderr: "" });
      expect((await server.shutdown()).outcomes).toMatchObject({ clean: 1 });
    },
  );

  it("is told the shutdown's code and its own time to come back", async () => {
    const server = await startServer();
    const client = runClient(server.port, "wait");
    expect(JSON.parse(await client.line())).toMatchObject({ text: true });
    const { outcomes } = await server.shutdown();
    expect(JSON.parse(await client.line())).toEqual({
      code: 1001,
      reason: expect.stringMatching(RETRY_TIME),
    });
    expect(outcomes).toMatchObject({ clean: 1 });
    expect(await client.ended).toMatchObject({ status: 0, stderr: "" });
  });
});
