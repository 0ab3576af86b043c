import { setTimeout as after } from "node:timers/promises";
import {
  closeFrame,
  type Frame,
  frame,
  OPCODE,
  readClose,
} from "../src/testing/frame-codec.ts";
import { RawClient, upgradeRequest } from "../test/support/raw-client.ts";
import type { Dice } from "./dice.ts";

/** What a client does to be rid of its connection, or to the server. */
export const faults = [
  "none",
  "none",
  "none",
  "close",
  "half-close",
  "reset",
  "broken-frame",
  "broken-text",
  "vanish",
  "stop-reading",
  "slow-request",
  "bad-request",
  "reset-request",
] as const;
export type Fault = (typeof faults)[number];

/** What all clients together have seen. */
export class Tally {
  /** TCP connections that were made; the system makes some that nobody accepts any more. */
  connected = 0;
  /** Upgrades that were accepted, as their clients saw it. */
  opened = 0;
  echoes = 0;
  /** Clients without a fault that got a close frame. */
  told = 0;
  /** Clients without a fault whose TCP ended without one. */
  cut = 0;
  /** Replies that were not what was sent, and clients that waited in vain, in words. */
  readonly wrong: string[] = [];
  refused = 0;
}

const LONGEST_WAIT_MS = 30_000;
const PUSH = "/push?count=64&bytes=65536";

/** One connection, from its beginning to its end. */
export async function liveOnce(
  port: number,
  fault: Fault,
  dice: Dice,
  tally: Tally,
): Promise<void> {
  let client: RawClient;
  try {
    client = await RawClient.connect(port, { isCleanedUp: false });
  } catch {
    // Nobody listens: every shard is drained, or a thread is being replaced.
    tally.refused++;
    await after(dice.between(20, 100));
    return;
  }
  tally.connected++;
  try {
    await (fault.endsWith("request")
      ? spoilRequest(client, fault)
      : converse(client, fault, dice, tally));
  } catch (error) {
    const { localPort } = client.socket;
    tally.wrong.push(
      `${new Date().toISOString()}, port ${localPort}, fault "${fault}": ${String(error)}`,
    );
  } finally {
    client.destroy();
    await client.ended;
  }
}

async function spoilRequest(client: RawClient, fault: Fault): Promise<void> {
  const request = upgradeRequest("/echo");
  if (fault === "bad-request") client.write(request.replace("13", "12"));
  else client.write(request.slice(0, 40));
  if (fault === "reset-request") client.reset();
  await client.response(LONGEST_WAIT_MS).catch(() => {});
}

async function converse(
  client: RawClient,
  fault: Fault,
  dice: Dice,
  tally: Tally,
): Promise<void> {
  const path =
    fault === "stop-reading" ? PUSH : dice.pick(["/echo", "/slow?ms=30"]);
  const status = await client
    .upgrade(path)
    .then((response) => response.status)
    .catch(() => 0);
  if (status !== 101) return;
  tally.opened++;
  const rounds = dice.between(1, 20);
  for (let round = 0; round < rounds; round++) {
    if (fault === "stop-reading") break;
    const text = `${round} ${"x".repeat(dice.between(0, 2_000))}`;
    client.send(text);
    let next = await client.next(LONGEST_WAIT_MS);
    while (next?.opcode === OPCODE.ping) {
      client.write(frame(OPCODE.pong, next.payload));
      next = await client.next(LONGEST_WAIT_MS);
    }
    if (next === undefined || next.opcode === OPCODE.close) {
      if (next === undefined && fault === "none") tally.cut++;
      if (next !== undefined) answerClose(client, readClose(next).code, tally);
      return;
    }
    if (next.payload.toString() === text) tally.echoes++;
    else tally.wrong.push(describeWrong(path, text, next));
    await after(dice.between(0, 60));
  }
  await commit(client, fault, dice);
  await leave(client, fault, tally);
}

function describeWrong(path: string, text: string, reply: Frame): string {
  const got = reply.payload.toString().slice(0, 20);
  return `${path} answered "${text.slice(0, 20)}" (${text.length} bytes) with opcode ${reply.opcode}, "${got}" (${reply.payload.length} bytes)`;
}

/** Does what it is here to do. */
async function commit(
  client: RawClient,
  fault: Fault,
  dice: Dice,
): Promise<void> {
  switch (fault) {
    case "none":
    case "close":
      client.write(closeFrame(dice.pick([1000, 1001, 4000]), "done"));
      break;
    case "half-close":
      client.socket.end();
      break;
    case "reset":
      client.reset();
      break;
    case "broken-frame":
      client.write(frame(dice.pick([3, 7, 11, 15]), "noise"));
      break;
    case "broken-text":
      client.write(frame(OPCODE.text, Buffer.from([0xc0, 0xaf])));
      break;
    case "vanish":
      await Promise.race([client.ended, after(dice.between(200, 3_000))]);
      client.reset();
      break;
    case "stop-reading":
      client.socket.pause();
      client.send("go");
      await after(dice.between(200, 3_000));
      client.reset();
      break;
    // Those that spoil their request never get here.
    case "slow-request":
    case "bad-request":
    case "reset-request":
    default:
      break;
  }
}

/** Reads to the end of TCP. */
async function leave(
  client: RawClient,
  fault: Fault,
  tally: Tally,
): Promise<void> {
  for (;;) {
    const next = await client.next(LONGEST_WAIT_MS);
    if (next === undefined) {
      if (fault === "none") tally.cut++;
      return;
    }
    if (next.opcode === OPCODE.close) {
      if (fault === "none") tally.told++;
      await client.ended;
      return;
    }
  }
}

function answerClose(client: RawClient, code: number, tally: Tally): void {
  tally.told++;
  client.sendClose(code === 1005 ? 1000 : code);
  client.socket.end();
}
