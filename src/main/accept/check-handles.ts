import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { MessageChannel } from "node:worker_threads";
import { sayForeign } from "../../foreign-value.ts";
import { aside } from "../aside.ts";
import {
  acceptHandles,
  type SocketHandle,
} from "../../protocol/socket-handle.ts";
import {
  asTcpHandle,
  beginReading,
  type HandleUser,
  handleFault,
  letGo,
  readOn,
  shutDown,
  stopReading,
  type TcpHandle,
  writeAllTo,
  writeTo,
} from "../../protocol/tcp-handle.ts";

/** Asks for sockets instead of handles, which is what tests are about. */
const VARIABLE = "NODE_SLUICE_TRANSPORT";
const DEADLINE_MS = 2_000;
const BUFFER_BYTES = 4 * 1024;
const CHUNK = Buffer.alloc(64 * 1024, "sluice");
/** More than any kernel takes of somebody who is not read. */
const MOST_CHUNKS = 4_096;

/**
 * Reads and writes connections on loopback by their handles alone, in every way
 * that shards do: a read that fills the buffer, writes that the kernel takes at
 * once and one that it does not, a pause, a move, the end and a reset.
 *
 * @returns why connections cannot be used by their handles here, in one
 *   sentence; `undefined` when they can
 */
export async function checkHandles(): Promise<string | undefined> {
  if (process.env[VARIABLE] === "stream") return `${VARIABLE} asks for streams`;
  if (handleFault !== undefined) return handleFault;
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), DEADLINE_MS);
  const stage = new Stage(late.signal);
  try {
    await stage.open();
    await tryWords(stage);
    await tryBackPressure(stage);
    await tryMove(stage);
    await tryEnd(stage);
    await tryReset(stage);
    return undefined;
  } catch (error) {
    return `Node ${process.versions.node} did not treat the handle of a connection as expected: ${late.signal.aborted ? `not done after ${DEADLINE_MS} ms` : sayForeign(error)}`;
  } finally {
    clearTimeout(timer);
    stage.close();
  }
}

/** Two ends of connections on loopback: a socket, and the handle to be tried. */
class Stage {
  readonly signal: AbortSignal;
  readonly #server: Server = createServer({ pauseOnConnect: true });
  readonly #accepted: SocketHandle[] = [];
  readonly #open: { destroy(): void }[] = [];

  constructor(signal: AbortSignal) {
    this.signal = signal;
  }

  peer!: Socket;
  end!: End;

  async open(): Promise<void> {
    acceptHandles(this.#server, (handle) => this.#accepted.push(handle));
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening", { signal: this.signal });
    await this.connect();
  }

  async connect(): Promise<void> {
    const { port } = this.#server.address() as { port: number };
    const peer = connect(port, "127.0.0.1");
    this.#open.push(peer);
    peer.on("error", () => {});
    await once(peer, "connect", { signal: this.signal });
    while (this.#accepted.length === 0) await this.turn();
    this.peer = peer;
    this.use(this.#accepted.shift() as SocketHandle);
  }

  use(handle: SocketHandle): void {
    this.end = new End(asTcpHandle(handle), this.signal);
    this.#open.push(this.end);
  }

  async turn(): Promise<void> {
    this.signal.throwIfAborted();
    await new Promise(setImmediate);
  }

  close(): void {
    for (const each of this.#open) each.destroy();
    this.#server.close();
  }
}

/** The end that is tried. */
class End implements HandleUser {
  readonly handle: TcpHandle;
  readonly #signal: AbortSignal;
  readonly #buffer = Buffer.alloc(BUFFER_BYTES);
  #isOpen = true;
  #text = "";
  bytes = 0;
  tookBytes = 0;
  state: "open" | "ended" | "broke" = "open";
  isShut = false;

  constructor(handle: TcpHandle, signal: AbortSignal) {
    this.handle = handle;
    this.#signal = signal;
    beginReading(handle, this.#buffer, this);
  }

  handleRead(length: number): void {
    this.bytes += length;
    this.#text += this.#buffer.toString("latin1", 0, length);
  }

  handleEnded(): void {
    this.state = "ended";
  }

  handleBroke(): void {
    this.state = "broke";
  }

  handleTook(bytes: number): void {
    this.tookBytes += bytes;
  }

  handleShut(): void {
    this.isShut = true;
  }

  /** Waits for text, which has to come from the peer. */
  async hears(text: string): Promise<void> {
    await this.until(() => this.#text.length >= text.length);
    expect(this.#text === text, "other bytes were read than were sent");
    this.#text = "";
  }

  async until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      this.#signal.throwIfAborted();
      await new Promise(setImmediate);
    }
  }

  leave(): void {
    this.#isOpen = false;
    letGo(this.handle);
  }

  destroy(): void {
    if (!this.#isOpen) return;
    this.leave();
    aside(this.handle.close(), "closing a socket");
  }
}

async function tryWords({ peer, end, signal }: Stage): Promise<void> {
  peer.write("ping");
  await end.hears("ping");
  const full = "f".repeat(BUFFER_BYTES);
  peer.write(full);
  await end.hears(full);
  expect(end.state === "open", "a read that fills the buffer was an end");
  expect(end.handle.bytesRead === end.bytes, "it counts other bytes");
  expect(writeTo(end.handle, Buffer.from("po"), end) === 0, "a word waits");
  const rest = [Buffer.from("n"), Buffer.from("g")];
  expect(writeAllTo(end.handle, rest, end) === 0, "two words wait");
  expect(end.handle.bytesWritten === 4, "it counts other bytes");
  let heard = "";
  while (heard.length < 4) {
    const [chunk] = (await once(peer, "data", { signal })) as [Buffer];
    heard += chunk.toString();
  }
  expect(heard === "pong", "other bytes came than were written");
}

/** Somebody does not read, and then does. */
async function tryBackPressure({ peer, end }: Stage): Promise<void> {
  peer.pause();
  let written = 0;
  let waiting = 0;
  for (let count = 0; waiting === 0; count++) {
    expect(count < MOST_CHUNKS, "the kernel takes whatever it is given");
    // Nobody else keeps it, and it has to come whole.
    waiting = writeTo(end.handle, Buffer.from(CHUNK), end);
    written += CHUNK.length;
  }
  expect(waiting === CHUNK.length, "a write is neither taken nor waits");
  expect(end.handle.writeQueueSize > 0, "what waits is not counted");
  expect(end.tookBytes === 0, "what waits is said to be taken");
  const seen = new Set<string>();
  let came = 0;
  peer.on("data", (chunk: Buffer) => {
    came += chunk.length;
    seen.add(chunk.toString("latin1", 0, 1));
  });
  peer.resume();
  await end.until(() => came === written);
  await end.until(() => end.tookBytes === CHUNK.length);
  for (const letter of seen)
    expect("sluice".includes(letter), "other bytes came than were written");
}

/** Stopped with bytes in the kernel, given away, and used again. */
async function tryMove(stage: Stage): Promise<void> {
  const { end, peer } = stage;
  const { port1, port2 } = new MessageChannel();
  try {
    stopReading(end.handle);
    readOn(end.handle);
    stopReading(end.handle);
    peer.write("kept");
    const arrival = once(port2, "message", { signal: stage.signal });
    port1.postMessage({ handle: end.handle }, [end.handle]);
    end.leave();
    const [message] = (await arrival) as [{ handle: SocketHandle }];
    stage.use(message.handle);
    await stage.end.hears("kept");
    expect(end.bytes === 4 + BUFFER_BYTES, "a stopped one has read");
  } finally {
    port1.close();
  }
}

async function tryEnd({ peer, end, signal }: Stage): Promise<void> {
  const peerEnded = once(peer, "end", { signal });
  expect(shutDown(end.handle, end), "it cannot be ended");
  await peerEnded;
  await end.until(() => end.isShut && end.state === "ended");
}

async function tryReset(stage: Stage): Promise<void> {
  await stage.connect();
  const { peer, end } = stage;
  peer.write("here");
  await end.hears("here");
  peer.resetAndDestroy();
  await end.until(() => end.state === "broke");
  expect(
    writeTo(end.handle, Buffer.from("late"), end) === -1,
    "what is broken can be written to",
  );
}

function expect(holds: boolean, complaint: string): void {
  if (!holds) throw new Error(complaint);
}
