import { createPrivateKey, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { duplexPair } from "node:stream";
import { connect, createSecureContext, TLSSocket } from "node:tls";
import type { Config } from "../config.ts";
import { SluiceError } from "../errors.ts";
import { sayForeign } from "../foreign-value.ts";
import type { TlsMaterial } from "../protocol/messages.ts";

/** Nobody waits for anything here but this process itself. */
const HANDSHAKE_DEADLINE_MS = 5_000;

/**
 * Reads key and certificate, and tries them: that they belong together, and that
 * a client can shake hands with them. OpenSSL takes an RSA key beside an EC
 * certificate without a word, and every client would fail.
 *
 * @returns undefined when the server speaks plain TCP
 * @throws SluiceError `ERR_SLUICE_TLS` when they cannot be read or do not fit.
 */
export async function readTlsMaterial({
  tlsKeyFile,
  tlsCertFile,
}: Config): Promise<TlsMaterial | undefined> {
  if (tlsKeyFile === undefined || tlsCertFile === undefined) return undefined;
  try {
    const [key, cert] = await Promise.all([
      readFile(tlsKeyFile, "utf8"),
      readFile(tlsCertFile, "utf8"),
    ]);
    const material = { key, cert };
    if (!new X509Certificate(cert).checkPrivateKey(createPrivateKey(key)))
      throw new Error("the key is not that of the certificate");
    await shakeHands(material);
    return material;
  } catch (cause) {
    throw new SluiceError(
      "ERR_SLUICE_TLS",
      `TLS: ${tlsKeyFile} and ${tlsCertFile} cannot be used: ${sayForeign(cause)}`,
      { cause },
    );
  }
}

/** Plays server and client, in memory. Whether a client trusts the certificate is its own affair. */
async function shakeHands(material: TlsMaterial): Promise<void> {
  const [serverEnd, clientEnd] = duplexPair();
  const server = new TLSSocket(serverEnd, {
    isServer: true,
    secureContext: createSecureContext(material),
  });
  const client = connect({ socket: clientEnd, rejectUnauthorized: false });
  // A server's own error says more than the alert that its client gets.
  const failed = Promise.withResolvers<never>();
  for (const event of ["_tlsError", "error"]) server.on(event, failed.reject);
  try {
    await Promise.race([
      once(client, "secureConnect", {
        signal: AbortSignal.timeout(HANDSHAKE_DEADLINE_MS),
      }),
      failed.promise,
    ]);
  } finally {
    client.on("error", () => {});
    server.destroy();
    client.destroy();
  }
}
