import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { describe, expect, it, onTestFinished } from "vitest";
import { WebSocket } from "ws";
import { createCertificates } from "../../support/certificates.ts";
import { startServer, type TestServer } from "../../support/server.ts";
import { within } from "../../support/within.ts";

const MOVABLE = fileURLToPath(new URL("../admin/movable.ts", import.meta.url));

/** A client, and how the server takes leave of it. */
async function connect(
  server: TestServer,
  options: { isSecure?: boolean; perMessageDeflate?: boolean } = {},
): Promise<{ socket: WebSocket; closeStatus: Promise<[number, string]> }> {
  const { isSecure = false, perMessageDeflate = false } = options;
  const socket = new WebSocket(
    `${isSecure ? "wss" : "ws"}://127.0.0.1:${server.port}`,
    { perMessageDeflate, rejectUnauthorized: false },
  );
  onTestFinished(() => socket.terminate());
  await within("the upgrade", once(socket, "open"));
  const closeStatus = once(socket, "close").then(([code, reason]) => {
    return [code as number, String(reason)] as [number, string];
  });
  return { socket, closeStatus };
}

describe("who cannot move", () => {
  it("is known before, and told to come back when its window stays behind", async () => {
    const server = await startServer({
      workers: 2,
      handlers: MOVABLE,
      compression: true,
      contextTakeover: true,
      balance: "round-robin",
    });
    const compressed = await connect(server, { perMessageDeflate: true });
    expect(compressed.socket.extensions).toContain("permessage-deflate");
    await connect(server);
    const plain = await connect(server);
    expect(server.stats().handover.movability).toMatchObject({
      movable: 2,
      compression: 1,
      tls: 0,
    });
    const report = await server.drain({ shard: 0, move: true }).done;
    expect(report).toMatchObject({
      moved: 1,
      notified: 1,
      refused: { compression: 1 },
    });
    const [code, reason] = await within("its goodbye", compressed.closeStatus);
    expect(code).toBe(1012);
    expect(reason).toMatch(/^retry-after-ms=\d+$/);
    expect(plain.socket.readyState).toBe(WebSocket.OPEN);
  });

  it("is told to come back by a reload when its keys stay behind", async () => {
    const { serverCert, serverKey } = createCertificates();
    const server = await startServer({
      workers: 1,
      handlers: MOVABLE,
      trialMs: 10,
      tlsCertFile: serverCert,
      tlsKeyFile: serverKey,
    });
    const { closeStatus } = await connect(server, { isSecure: true });
    expect(server.stats().handover.movability).toMatchObject({
      movable: 0,
      tls: 1,
    });
    expect(await server.reload()).toMatchObject({
      moved: 0,
      notified: 1,
      refused: { tls: 1 },
    });
    const [code, reason] = await within("its goodbye", closeStatus);
    expect(code).toBe(1012);
    expect(reason).toMatch(/^retry-after-ms=\d+$/);
    const again = await connect(server, { isSecure: true });
    again.socket.send("hello");
    expect(String((await once(again.socket, "message"))[0])).toBe("hello");
  });
});
