import { readFile } from "node:fs/promises";
import type { Config } from "../../config.ts";
import { SluiceError } from "../../errors.ts";
import { sayForeign } from "../../foreign-value.ts";

/** A server that does not answer is noticed after two of these. */
const PING_INTERVAL_MS = 5_000;
const MAX_PINGS_OUT = 2;

/*
 * What of the client's interface is used: a simulation has no more. In words of
 * our own, since what is published has no types of a package that need not be
 * installed.
 */

export interface Msg {
  readonly data: Uint8Array;
  respond(payload?: Uint8Array | string): boolean;
}

export interface NatsConnection {
  publish(
    subject: string,
    payload?: Uint8Array | string,
    options?: { reply?: string },
  ): void;
  flush(): Promise<void>;
  close(): Promise<void>;
  closed(): Promise<void | Error>;
  subscribe(
    subject: string,
    options: { callback: (error: Error | null, message: Msg) => void },
  ): { unsubscribe(max?: number): void };
}

/** One revision of a key. */
export interface KvEntry {
  readonly key: string;
  readonly value: Uint8Array;
  readonly revision: number;
  readonly operation: "PUT" | "DEL" | "PURGE";
  string(): string;
}

export interface KV {
  get(key: string): Promise<KvEntry | null>;
  put(key: string, data: Uint8Array | string): Promise<number>;
  create(key: string, data: Uint8Array | string): Promise<number>;
  update(
    key: string,
    data: Uint8Array | string,
    revision: number,
  ): Promise<number>;
  purge(key: string): Promise<void>;
  keys(filter?: string | string[]): Promise<AsyncIterable<string>>;
}

/** The key-value buckets on a connection. */
export interface Buckets {
  create(
    name: string,
    options: { ttl: number; history: number; storage: never },
  ): Promise<KV>;
  open(name: string): Promise<KV>;
}

/** The client library, once it is wanted. */
export interface NatsClient {
  /** Makes one attempt at every server; never tries again by itself. */
  connect(): Promise<NatsConnection>;
  readonly bucketsOn: (connection: NatsConnection) => Buckets;
}

interface TlsFiles {
  ca?: string;
  cert?: string;
  key?: string;
}

/** Where the servers are, and how they are spoken to. */
export type NatsOptions = Pick<
  Config,
  | "nats"
  | "natsCredsFile"
  | "natsTlsCaFile"
  | "natsTlsCertFile"
  | "natsTlsKeyFile"
>;

/**
 * Loads the NATS client, which is an optional peer dependency, and reads the
 * credentials.
 *
 * @param name - What the servers call this connection.
 * @throws SluiceError `ERR_SLUICE_CLUSTER` when the client is not installed or
 *   a file cannot be read.
 */
export async function loadNatsClient(
  options: NatsOptions,
  name: string,
): Promise<NatsClient> {
  const { connect, credsAuthenticator } = await load(
    () => import("@nats-io/transport-node"),
  );
  const { Kvm } = await load(() => import("@nats-io/kv"));
  const files = await readFiles(options);
  const urls = options.nats.map((server) => new URL(server));
  const [{ username, password } = { username: "", password: "" }] = urls.filter(
    (url) => url.username !== "",
  );
  const isSecure =
    files.tls !== undefined || urls.some(({ protocol }) => protocol === "tls:");
  return {
    bucketsOn: (connection) => new Kvm(connection as never),
    connect: () =>
      tryInTurn(urls, (url) =>
        connect({
          servers: url.host,
          name,
          // Back-off and subscriptions are the link machine's business.
          reconnect: false,
          noEcho: true,
          ignoreClusterUpdates: true,
          pingInterval: PING_INTERVAL_MS,
          maxPingOut: MAX_PINGS_OUT,
          ...(isSecure && { tls: tlsFor(url, files.tls) }),
          ...(files.creds !== undefined && {
            authenticator: credsAuthenticator(files.creds),
          }),
          ...credentialsOf(username, password),
        }),
      ),
  };
}

/** One attempt at each, in an order of chance, so that instances spread over the servers. */
async function tryInTurn<Result>(
  urls: readonly URL[],
  attempt: (url: URL) => Promise<Result>,
): Promise<Result> {
  const left = [...urls];
  for (;;) {
    const [url] = left.splice(Math.floor(Math.random() * left.length), 1);
    try {
      return await attempt(url as URL);
    } catch (error) {
      if (left.length === 0) throw error;
    }
  }
}

/**
 * The client holds the certificate of a server that is given by its address
 * against "localhost", unless it is told whose it should be.
 */
function tlsFor(
  { hostname }: URL,
  files: TlsFiles | undefined,
): TlsFiles & { host: string } {
  // Without the brackets of an IPv6 address.
  return { ...files, host: hostname.replace(/^\[|\]$/g, "") };
}

/** `nats://user:password@host`, or a token alone: `nats://token@host`. */
function credentialsOf(
  username: string,
  password: string,
): { user?: string; pass?: string; token?: string } {
  if (username === "") return {};
  const user = decodeURIComponent(username);
  return password === ""
    ? { token: user }
    : { user, pass: decodeURIComponent(password) };
}

async function load<Module>(
  importModule: () => Promise<Module>,
): Promise<Module> {
  try {
    return await importModule();
  } catch (cause) {
    throw new SluiceError(
      "ERR_SLUICE_CLUSTER",
      "nats: the NATS client is not installed: npm install @nats-io/transport-node @nats-io/kv",
      { cause },
    );
  }
}

async function readFiles({
  natsCredsFile,
  natsTlsCaFile,
  natsTlsCertFile,
  natsTlsKeyFile,
}: NatsOptions): Promise<{
  creds: Uint8Array | undefined;
  tls: TlsFiles | undefined;
}> {
  try {
    const [creds, ca, cert, key] = await Promise.all(
      [natsCredsFile, natsTlsCaFile, natsTlsCertFile, natsTlsKeyFile].map(
        async (file) =>
          file === undefined ? undefined : await readFile(file, "utf8"),
      ),
    );
    const tls = {
      ...(ca !== undefined && { ca }),
      ...(cert !== undefined && { cert }),
      ...(key !== undefined && { key }),
    };
    return {
      creds: creds === undefined ? undefined : Buffer.from(creds),
      tls: Object.keys(tls).length === 0 ? undefined : tls,
    };
  } catch (cause) {
    throw new SluiceError("ERR_SLUICE_CLUSTER", `nats: ${sayForeign(cause)}`, {
      cause,
    });
  }
}
