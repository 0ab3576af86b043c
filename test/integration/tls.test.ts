import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { promisify } from "node:util";
import {
  afterAll,
  beforeAll,
  describe,
  expect,
  it,
  onTestFinished,
} from "vitest";
import { serveCommand } from "../support/command.ts";
import { RawClient } from "../support/raw-client.ts";
import { startServer } from "../support/server.ts";
import { until, within } from "../support/within.ts";

const run = promisify(execFile);

interface Certificate {
  key: string;
  cert: string;
}

async function makeCertificate(
  folder: string,
  name: string,
): Promise<Certificate> {
  const key = join(folder, `${name}.key.pem`);
  const cert = join(folder, `${name}.cert.pem`);
  await run("openssl", [
    ...["req", "-x509", "-newkey", "ec", "-pkeyopt"],
    ...["ec_paramgen_curve:prime256v1", "-nodes", "-days", "1"],
    ...["-subj", `/CN=${name}`, "-keyout", key, "-out", cert],
  ]);
  return { key, cert };
}

async function openTls(
  port: number,
): Promise<{ client: RawClient; socket: TLSSocket }> {
  const socket = connectTls({
    port,
    host: "127.0.0.1",
    rejectUnauthorized: false,
  });
  onTestFinished(() => void socket.destroy());
  const client = new RawClient(socket);
  await within("the TLS handshake", once(socket, "secureConnect"));
  const { status } = await client.upgrade();
  expect(status).toBe(101);
  return { client, socket };
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

  it("rejects a key that does not fit its certificate, before it listens", async () => {
    await expect(
      startServer({ tlsKeyFile: first.key, tlsCertFile: join(folder, "none") }),
    ).rejects.toMatchObject({ code: "ERR_SLUICE_TLS" });
  });
});
