import { readFile } from "node:fs/promises";
import { createSecureContext } from "node:tls";
import type { Config } from "../config.ts";
import { SluiceError } from "../errors.ts";
import { sayForeign } from "../foreign-value.ts";
import type { TlsMaterial } from "../protocol/messages.ts";

/**
 * Reads key and certificate, and tries them.
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
    createSecureContext({ key, cert });
    return { key, cert };
  } catch (cause) {
    throw new SluiceError(
      "ERR_SLUICE_TLS",
      `TLS: ${tlsKeyFile} and ${tlsCertFile} cannot be used: ${sayForeign(cause)}`,
      { cause },
    );
  }
}
