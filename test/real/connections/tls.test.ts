import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, open, readFile, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTcp, createServer, type Socket } from "node:net";
import {
  connect as connectTls,
  type ConnectionOptions,
  type TLSSocket,
} from "node:tls";
import { promisify } from "node:util";
import {
  afterAll,
  beforeAll,
  describe,
  expect,
  it,
  onTestFinished,
} from "vitest";
import { readTlsMaterial } from "../../../src/main/tls-material.ts";
import { serveCommand } from "../../support/command.ts";
import { live } from "../../support/crowd.ts";
import { RawClient } from "../../support/raw-client.ts";
import { startServer } from "../../support/server.ts";
import { until, within } from "../../support/within.ts";

const run = promisify(execFile);

interface Certificate {
  key: string;
  cert: string;
}

async function makeCertificate(
  folder: string,
  name: string,
  algorithm = ["ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"],
): Promise<Certificate> {
  const key = join(folder, `${name}.key.pem`);
  const cert = join(folder, `${name}.cert.pem`);
  await run("openssl", [
    ...["req", "-x509", "-newkey", ...algorithm, "-nodes", "-days", "1"],
    ...["-subj", `/CN=${name}`, "-keyout", key, "-out", cert],
  ]);
  return { key, cert };
}

async function openTls(
  port: number,
  options: ConnectionOptions = {},
): Promise<{ client: RawClient; socket: TLSSocket }> {
  const socket = connectTls({
    port,
    host: "127.0.0.1",
    rejectUnauthorized: false,
    ...options,
  });
  onTestFinished(() => void socket.destroy());
  const client = new RawClient(socket);
  await within("the TLS handshake", once(socket, "secureConnect"));
  const { status } = await client.upgrade();
  expect(status).toBe(101);
  return { client, socket };
}

/** Stands between a client and the server, and can say something to the server. */
async function relayTo(
  port: number,
): Promise<{ port: number; say(bytes: Buffer): void }> {
  let upstream: Socket | undefined;
  const relay = createServer((client) => {
    upstream = connectTcp(port, "127.0.0.1");
    for (const socket of [client, upstream]) socket.on("error", () => {});
    client.pipe(upstream).pipe(client);
  });
  relay.listen(0, "127.0.0.1");
  await once(relay, "listening");
  onTestFinished(() => {
    upstream?.destroy();
    relay.close();
  });
  return {
    port: (relay.address() as { port: number }).port,
    say: (bytes) => void upstream?.write(bytes),
  };
}

async function echo(client: RawClient, text: string): Promise<string> {
  client.send(text);
  return await client.message();
}

describe("TLS", () => {
  let folder = "";
  let first: Certificate;
  let second: Certificate;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "sluice-tls-"));
    first = await makeCertificate(folder, "first");
    second = await makeCertificate(folder, "second");
  });
  afterAll(async () => {
    await rm(folder, { recursive: true });
  });

  it("echoes, and closes as properly as TCP", async () => {
    const server = await startServer({
      tlsKeyFile: first.key,
      tlsCertFile: first.cert,
    });
    const { client } = await openTls(server.port);
    expect(await echo(client, "secret")).toBe("secret");
    expect(await echo(client, "x".repeat(300_000))).toHaveLength(300_000);
    const report = server.shutdown();
    expect(await client.closed()).toMatchObject({ code: 1001 });
    expect(await report).toMatchObject({
      outcomes: { clean: 1 },
      balanced: true,
    });
  });

  it("is closed properly by a client that closes and ends in one breath", async () => {
    const server = await startServer({
      tlsKeyFile: first.key,
      tlsCertFile: first.cert,
    });
    const clients = 40;
    for (let count = 0; count < clients; count++) {
      const { client } = await openTls(server.port);
      client.sendClose(1000);
      client.socket.end();
      expect(await client.closeFrame()).toMatchObject({ code: 1000 });
      await within("the end of TCP", client.ended);
    }
    expect(await server.shutdown()).toMatchObject({
      outcomes: { clean: clients },
      balanced: true,
    });
  });

  it("serves the new certificate after SIGHUP, and drops nobody", async () => {
    const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
    await run("cp", [first.key, key]);
    await run("cp", [first.cert, cert]);
    const command = await serveCommand([
      ...["--workers", "2", "--tls-key-file", key, "--tls-cert-file", cert],
    ]);
    const old = await openTls(command.port);
    expect(old.socket.getPeerCertificate().subject.CN).toBe("first");
    await rename(second.key, key);
    await rename(second.cert, cert);
    command.kill("SIGHUP");
    await command.logged(/"event":"reloaded"/);
    await until("the new certificate is served", async () => {
      const next = await openTls(command.port);
      expect(await echo(next.client, "next")).toBe("next");
      void live(next.client);
      return next.socket.getPeerCertificate().subject.CN === "second";
    });
    expect(await echo(old.client, "still here")).toBe("still here");
    // What cannot be used changes nothing.
    await rm(cert);
    command.kill("SIGHUP");
    await command.logged(/"event":"reload-failed"/);
    const last = await openTls(command.port);
    expect(last.socket.getPeerCertificate().subject.CN).toBe("second");
    command.kill("SIGTERM");
    for (const { client } of [old, last])
      expect(await client.closed()).toMatchObject({ code: 1001 });
    expect((await command.ended).report.balanced).toBe(true);
  });

  it("ends what speaks no TLS, or never speaks, and keeps nothing of it", async () => {
    const server = await startServer({
      tlsKeyFile: first.key,
      tlsCertFile: first.cert,
      handshakeDeadlineMs: 500,
    });
    const garbage = await RawClient.connect(server.port);
    garbage.write("GET /echo HTTP/1.1\r\nHost: sluice.test\r\n\r\n");
    const silent = await RawClient.connect(server.port);
    const half = await RawClient.connect(server.port);
    half.write(Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01]));
    const gone = await RawClient.connect(server.port);
    gone.write(Buffer.from([0x16, 0x03, 0x01]));
    gone.reset();
    for (const client of [garbage, silent, half])
      await within("the end of TCP", client.ended);
    await until("all are counted", () => {
      const { upgrading, outcomes } = server.stats().ledger;
      return upgrading === 0 && outcomes.rejected === 4;
    });
    const { client } = await openTls(server.port);
    expect(await echo(client, "undisturbed")).toBe("undisturbed");
  });

  it.each(["TLSv1.2", "TLSv1.3"] as const)(
    "ends a connection with a record that cannot be decrypted, in %s",
    async (version) => {
      const server = await startServer({
        tlsKeyFile: first.key,
        tlsCertFile: first.cert,
      });
      const relay = await relayTo(server.port);
      const { client } = await openTls(relay.port, { maxVersion: version });
      expect(await echo(client, "whole")).toBe("whole");
      // RFC 8446, 5.1: application data, TLS 1.2, 32 bytes.
      const head = Buffer.from([23, 3, 3, 0, 32]);
      relay.say(Buffer.concat([head, Buffer.alloc(32, 1)]));
      await within("the end of TCP", client.ended);
      await until("it is counted", () => server.stats().connections === 0);
      expect(server.stats().ledger.outcomes).toMatchObject({ lost: 1 });
    },
  );

  it("shakes hands once with each client", async () => {
    const server = await startServer({
      tlsKeyFile: first.key,
      tlsCertFile: first.cert,
    });
    const { client, socket } = await openTls(server.port, {
      maxVersion: "TLSv1.2",
    });
    expect(await echo(client, "before")).toBe("before");
    const refused = new Promise<Error | null>((resolve) => {
      socket.once("error", resolve);
      socket.renegotiate({}, resolve);
    });
    const error = await within("the answer", refused);
    expect(error).toMatchObject({ message: expect.stringMatching(/renegot/i) });
    const other = await openTls(server.port);
    expect(await echo(other.client, "undisturbed")).toBe("undisturbed");
  });

  it("rejects a key that does not fit its certificate, before it listens", async () => {
    const other = await makeCertificate(folder, "other");
    const rsa = await makeCertificate(folder, "rsa", ["rsa:2048"]);
    const odd = await makeCertificate(folder, "odd", [
      ...["ec", "-pkeyopt", "ec_paramgen_curve:secp256k1"],
    ]);
    for (const [key, cert, why] of [
      [first.key, join(folder, "none"), "ENOENT"],
      [first.key, other.cert, "not that of the certificate"],
      // Each in a place of its own for OpenSSL, which has nothing to say to them.
      [rsa.key, first.cert, "not that of the certificate"],
      [first.key, rsa.cert, "not that of the certificate"],
      // They belong together, and no client takes them.
      [odd.key, odd.cert, "signature algorithm"],
    ] as const)
      await expect(
        startServer({ tlsKeyFile: key, tlsCertFile: cert }),
      ).rejects.toMatchObject({
        code: "ERR_SLUICE_TLS",
        message: expect.stringContaining(why),
      });
  });

  it("keeps the certificate that it has when the new one does not fit its key", async () => {
    const [key, cert] = [join(folder, "k.pem"), join(folder, "c.pem")];
    await run("cp", [first.key, key]);
    await run("cp", [first.cert, cert]);
    const server = await startServer({ tlsKeyFile: key, tlsCertFile: cert });
    const rsa = await makeCertificate(folder, "newer", ["rsa:2048"]);
    await run("cp", [rsa.key, key]);
    await expect(server.reloadTls()).rejects.toMatchObject({
      code: "ERR_SLUICE_TLS",
    });
    const { client } = await openTls(server.port);
    expect(await echo(client, "as before")).toBe("as before");
    await run("cp", [rsa.cert, cert]);
    await server.reloadTls();
    const next = await until("the new certificate is served", async () => {
      const { socket } = await openTls(server.port);
      return socket.getPeerCertificate().subject.CN === "newer" && socket;
    });
    expect(next.authorized).toBe(false);
  });

  it("serves what was on disk when it was asked last, however long the reading took before", async () => {
    const [key, cert] = [join(folder, "k2.pem"), join(folder, "c2.pem")];
    await run("cp", [first.key, key]);
    await run("cp", [first.cert, cert]);
    const server = await startServer({ tlsKeyFile: key, tlsCertFile: cert });
    // A key that comes when it likes.
    await run("rm", [key]);
    await run("mkfifo", [key]);
    const slow = server.reloadTls();
    const writer = await open(key, "w");
    const newest = await makeCertificate(folder, "newest");
    await rename(newest.key, key);
    await rename(newest.cert, cert);
    const last = server.reloadTls();
    // Read here as well, which takes as long: one that does not wait is done by then.
    await readTlsMaterial(server.config);
    await writer.writeFile(await readFile(first.key));
    await writer.close();
    await Promise.all([slow, last]);
    const { socket } = await openTls(server.port);
    expect(socket.getPeerCertificate().subject.CN).toBe("newest");
  });
});
