import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import { OPCODE, readClose } from "../../src/testing/frame-codec.ts";
import { RawClient } from "./raw-client.ts";
import { within } from "./within.ts";

/** So many connect at the same time. */
const WAVE = 200;

/** Opens many connections; all of them end with the test. */
export async function openMany(
  port: number,
  count: number,
  path = "/echo",
): Promise<RawClient[]> {
  const clients: RawClient[] = [];
  onTestFinished(() => {
    for (const client of clients) client.destroy();
  });
  while (clients.length < count) {
    const wave = Math.min(WAVE, count - clients.length);
    const opened = await Promise.all(
      Array.from({ length: wave }, () =>
        RawClient.open(port, path, {}, { isCleanedUp: false }),
      ),
    );
    clients.push(...opened);
  }
  return clients;
}

/** How the server took leave of a client. */
export interface Leave {
  code: number;
  reason: string;
  /** Messages that came back. */
  echoes: number;
}

export interface Manners {
  /** Always has a message on its way. */
  isChatty?: boolean;
  /** Answers the close frame. */
  isPolite?: boolean;
}

/**
 * Lets a client live by itself.
 *
 * @returns when TCP has ended: the close frame that came before; undefined
 *   when there was none
 */
export function live(
  client: RawClient,
  { isChatty = false, isPolite = true }: Manners = {},
): Promise<Leave | undefined> {
  let echoes = 0;
  let leave: Leave | undefined;
  client.onFrame = (frame) => {
    if (frame.opcode === OPCODE.close) {
      const { code, reason } = readClose(frame);
      leave = { code, reason, echoes };
      if (isPolite) client.sendClose(code);
    } else if (leave === undefined) {
      echoes++;
      if (isChatty) client.send("again");
    }
  };
  if (isChatty) client.send("first");
  return client.ended.then(() => leave);
}

/** The time to come back that a close reason names, in milliseconds. */
export function retryAfterMs(reason: string): number {
  const found = /^retry-after-ms=(\d+)$/.exec(reason)?.[1];
  if (found === undefined) throw new Error(`no time to come back: ${reason}`);
  return Number(found);
}

const SILENT = fileURLToPath(new URL("silent-clients.ts", import.meta.url));

/**
 * Opens connections in another process and then stops that process: its kernel
 * takes what is sent, and nobody ever answers.
 */
export async function openSilent(
  port: number,
  count: number,
  path = "/echo",
): Promise<ChildProcess> {
  const child = fork(SILENT, [String(port), String(count), path], {
    execArgv: [],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  await within("the silent clients", once(child, "message"), 30_000);
  child.kill("SIGSTOP");
  return child;
}
