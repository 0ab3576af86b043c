import { beforeAll, describe, expect, it } from "vitest";
import { FrameReader, readClose } from "../../../src/testing/frame-codec.ts";
import { ACCEPT, KEY } from "../../support/raw-client.ts";
import { startServer } from "../../support/server.ts";
import {
  ensureSystemPackages,
  INSTALL_TIMEOUT_MS,
} from "../../support/system-packages.ts";
import { until } from "../../support/within.ts";
import { RETRY_TIME } from "./shutdown-close.ts";
import { runProgram } from "./run-program.ts";

const UPGRADE = [
  ...["-H", "Connection: Upgrade"],
  ...["-H", "Upgrade: websocket"],
  ...["-H", "Sec-WebSocket-Version: 13"],
  ...["-H", `Sec-WebSocket-Key: ${KEY}`],
];

describe("curl", () => {
  beforeAll(
    async () => await ensureSystemPackages(["curl"]),
    INSTALL_TIMEOUT_MS,
  );

  it.each([
    ["/", "426", /connect/i],
    ["/healthz", "200", /./],
    ["/readyz", "200", /./],
  ])("gets an answer from %s: %s", async (path, status, body) => {
    const server = await startServer();
    const url = `http://127.0.0.1:${server.port}${path}`;
    const curl = runProgram("curl", ["-s", "-w", "\n%{http_code}", url]);
    const { status: exit, stdout } = await curl.ended;
    expect(exit).toBe(0);
    const [answer, code] = stdout.split(/\n(?=\d+$)/);
    expect(code).toBe(status);
    expect(answer).toMatch(body);
    expect((await server.shutdown()).balanced).toBe(true);
  });

  it("upgrades, and sees the close frame of the shutdown arrive as bytes", async () => {
    const server = await startServer();
    const url = `http://127.0.0.1:${server.port}/echo`;
    const curl = runProgram("curl", ["-s", "-i", "-N", ...UPGRADE, url]);
    await until("curl is connected", () => server.stats().connections === 1);
    // curl does not know what a close frame is, so it never answers.
    const { outcomes } = await server.shutdown({ deadlineMs: 1_000 });
    expect(outcomes).toMatchObject({ unacknowledged: 1 });
    const { stdout } = await curl.ended;
    expect(stdout).toMatch(/^HTTP\/1\.1 101 Switching Protocols\r\n/);
    expect(stdout).toContain(`Sec-WebSocket-Accept: ${ACCEPT}\r\n`);
    const behind = stdout.slice(stdout.indexOf("\r\n\r\n") + 4);
    const frames = new FrameReader().push(Buffer.from(behind, "latin1"));
    expect(frames.map(readClose)).toEqual([
      { code: 1001, reason: expect.stringMatching(RETRY_TIME) },
    ]);
  });

  it("is refused with a status and a reason to read", async () => {
    const server = await startServer();
    const url = `http://127.0.0.1:${server.port}/refuse?status=401&body=no`;
    const args = ["-s", "-w", "\n%{http_code}", ...UPGRADE, url];
    const { stdout } = await runProgram("curl", args).ended;
    expect(stdout).toBe("no\n401");
    expect((await server.shutdown()).outcomes).toMatchObject({ rejected: 1 });
  });
});
