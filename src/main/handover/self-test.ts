import { orAborted } from "../or-aborted.ts";
import { aside } from "../aside.ts";
import { once } from "node:events";
import { connect as connectTcp, createServer, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { connect as connectTls } from "node:tls";
import {
  acceptHandles,
  peerOf,
  type SocketHandle,
} from "../../protocol/socket-handle.ts";
import { sayForeign } from "../../foreign-value.ts";

import type { Shard } from "../shards/shard.ts";
import type { ConnectToShard } from "../main-surroundings.ts";
import { CLOSE_CODE, FIN, OPCODE } from "../../rfc6455.ts";

/** A shard that is not blocked has answered by then. */
const PROBE_DEADLINE_MS = 5_000;

export interface SelfTestOptions {
  readonly connect: ConnectToShard;
  /** The next connection's number. */
  takeNumber(): number;
  readonly isSecure: boolean;
  /** Nobody waits for it any more. */
  readonly signal?: AbortSignal;
}

/** RFC 6455, 5.2: a ping and a close frame with code 1000, masked with zeros. */
const PING = Buffer.from([FIN | OPCODE.ping, 0x80, 0, 0, 0, 0]);
const CLOSE = Buffer.from([FIN | OPCODE.close, 0x82, 0, 0, 0, 0, 0x03, 0xe8]);
const PONG = Buffer.from([FIN | OPCODE.pong, 0]);

const request = [
  "GET / HTTP/1.1",
  "Host: localhost",
  "Upgrade: websocket",
  "Connection: Upgrade",
  "Sec-WebSocket-Key: c2x1aWNlLXByb2JlLWtleQ==",
  "Sec-WebSocket-Version: 13",
  "Sluice-Probe: 1",
  "\r\n",
].join("\r\n");

/**
 * Tries new shards, one after the other, each with a connection of the server's own.
 *
 * @returns what was wrong with the first that failed, in one sentence;
 *   `undefined` when nothing was with any
 * @throws the signal's reason: nobody waits for what is left of it.
 */
export async function selfTestAll(
  shards: readonly Shard[],
  options: SelfTestOptions,
): Promise<string | undefined> {
  for (const shard of shards) {
    options.signal?.throwIfAborted();
    const complaint = await selfTest(
      (handle) =>
        shard.give({ handle, id: options.takeNumber(), isProbe: true }),
      options,
    );
    if (complaint !== undefined) return `shard ${shard.index}: ${complaint}`;
  }
  return undefined;
}

/**
 * Tries a shard with a connection of the server's own: handshake, ping, pong and
 * both close frames. Handlers see it as a request for `/` with the header
 * `Sluice-Probe`, which is refused to everyone else, and may refuse it: that they
 * could is proof enough.
 *
 * @param give - Hands the server's side of it to the shard.
 * @returns what was wrong, in one sentence; `undefined` when nothing was
 */
async function selfTest(
  give: (handle: SocketHandle) => void,
  { connect, isSecure, signal }: SelfTestOptions,
): Promise<string | undefined> {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), PROBE_DEADLINE_MS);
  const over =
    signal === undefined ? late.signal : AbortSignal.any([late.signal, signal]);
  let client: Duplex | undefined;
  try {
    client = await connect(give, isSecure, over);
    return await talk(client, over);
  } catch (error) {
    return late.signal.aborted
      ? `its probe connection had no answer after ${PROBE_DEADLINE_MS} ms`
      : `its probe connection failed: ${sayForeign(error)}`;
  } finally {
    clearTimeout(timer);
    client?.destroy();
  }
}

/** A connection to a shard over loopback, by a listener that takes this one alone. */
export async function connectOnLoopback(
  give: (handle: SocketHandle) => void,
  isSecure: boolean,
  signal: AbortSignal,
): Promise<Duplex> {
  const server = createServer({ pauseOnConnect: true });
  const accepted = new Accepted(give);
  let tcp: Socket | undefined;
  try {
    acceptHandles(server, (handle) => accepted.take(handle));
    server.listen(0, "127.0.0.1");
    await once(server, "listening", { signal });
    const { port } = server.address() as { port: number };
    tcp = connectTcp(port, "127.0.0.1");
    await once(tcp, "connect", { signal });
    accepted.expect(tcp.localPort);
    await orAborted(accepted.given, signal);
    if (!isSecure) return tcp;
    const client = connectTls({ socket: tcp, rejectUnauthorized: false });
    await once(client, "secureConnect", { signal });
    return client;
  } catch (error) {
    tcp?.destroy();
    throw error;
  } finally {
    accepted.end();
    server.close();
  }
}

/**
 * What has come to the probe's listener. Handlers may trust the probe with more
 * than others, and any process of this machine could come before it: only the
 * connection from the client's own port is given to the shard.
 */
class Accepted {
  readonly #give: (handle: SocketHandle) => void;
  readonly #waiting: SocketHandle[] = [];
  readonly #given = Promise.withResolvers<void>();
  #port: number | undefined;

  constructor(give: (handle: SocketHandle) => void) {
    this.#give = give;
  }

  /** Resolves when the shard has been given the one that is expected. */
  get given(): Promise<void> {
    return this.#given.promise;
  }

  take(handle: SocketHandle): void {
    if (this.#port === undefined) this.#waiting.push(handle);
    else if (peerOf(handle)?.port === this.#port) {
      this.#give(handle);
      this.#given.resolve();
    } else aside(handle.close(), "closing a socket");
  }

  /** From here on it is known who is expected. */
  expect(port: number | undefined): void {
    this.#port = port;
    for (const handle of this.#waiting.splice(0)) this.take(handle);
  }

  /** Nobody is expected any more. */
  end(): void {
    for (const handle of this.#waiting.splice(0))
      aside(handle.close(), "closing a socket");
  }
}

async function talk(
  client: Duplex,
  signal: AbortSignal,
): Promise<string | undefined> {
  const ended = new AbortController();
  client.on("error", () => {});
  client.on("close", () => ended.abort());
  const read = readerOf(client, AbortSignal.any([signal, ended.signal]));
  client.write(request);
  const head = await read((bytes) => {
    const end = bytes.indexOf("\r\n\r\n");
    return end === -1 ? undefined : end + 4;
  });
  const status = Number(head.toString("latin1").split(" ")[1]);
  if (status === 500) return "its probe connection was answered with 500";
  if (status !== 101) return undefined;
  client.write(Buffer.concat([PING, CLOSE]));
  const frames = await read((bytes) => {
    const at = bytes.indexOf(FIN | OPCODE.close);
    return at !== -1 && bytes.length >= at + 4 ? at + 4 : undefined;
  });
  const code = frames.readUInt16BE(frames.length - 2);
  if (code !== CLOSE_CODE.normal)
    return `its probe connection was closed with ${code}`;
  return frames.includes(PONG)
    ? undefined
    : "its probe connection had no pong to its ping";
}

/** Reads until `findEnd` finds where a piece ends. */
function readerOf(
  client: Duplex,
  signal: AbortSignal,
): (findEnd: (bytes: Buffer) => number | undefined) => Promise<Buffer> {
  let rest: Buffer = Buffer.alloc(0);
  client.on("data", (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
  });
  return async (findEnd) => {
    for (;;) {
      const end = findEnd(rest);
      if (end !== undefined) {
        const piece = rest.subarray(0, end);
        rest = rest.subarray(end);
        return piece;
      }
      await once(client, "data", { signal });
    }
  };
}
