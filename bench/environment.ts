/** What a run finds: cores to pin to, a certificate to serve TLS with. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Cores } from "./drive.ts";
import type { TlsFiles } from "./subjects/subject.ts";

/**
 * Shares the cores out: the first for the server, the last for the load. With
 * only one they share it.
 *
 * @param cores - All that may be used.
 */
export function shareCores(cores: readonly number[]): Cores {
  return { server: cores.slice(0, 1), load: cores.slice(-1) };
}

/**
 * Keeps this process off the server's core.
 *
 * @param cores - From {@link shareCores}.
 */
export function moveOffServerCore(cores: Cores): void {
  execFileSync("taskset", [
    "--all-tasks",
    "--cpu-list",
    "--pid",
    cores.load.join(","),
    String(process.pid),
  ]);
}

/** A certificate that exists as long as the run. */
export interface TemporaryTls extends Disposable {
  readonly files: TlsFiles;
}

/**
 * Makes a self-signed P-256 certificate for localhost.
 *
 * @throws Error when openssl is not there.
 */
export function createTlsFiles(): TemporaryTls {
  const folder = mkdtempSync(join(tmpdir(), "sluice-bench-"));
  const keyFile = join(folder, "key.pem");
  const certFile = join(folder, "cert.pem");
  execFileSync(
    "openssl",
    [
      ...["req", "-x509", "-nodes", "-days", "1", "-subj", "/CN=localhost"],
      ...["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"],
      ...["-keyout", keyFile, "-out", certFile],
    ],
    { stdio: "ignore" },
  );
  return {
    files: { keyFile, certFile },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true }),
  };
}
