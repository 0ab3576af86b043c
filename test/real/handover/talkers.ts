import type { Socket } from "node:net";
import { onTestFinished } from "vitest";
import { CLOSE_CODE } from "../../../src/rfc6455.ts";
import {
  type Frame,
  frame,
  OPCODE,
  readClose,
} from "../../../src/testing/frame-codec.ts";
import { RawClient } from "../../support/raw-client.ts";
import { until, within } from "../../support/within.ts";

/** So many connect at the same time. */
const WAVE = 100;

/**
 * A client that always has numbered messages on their way, and holds the echoes
 * against them: each has to come back once, in order.
 */
export class Talker {
  readonly client: RawClient;
  /** By the server's close frame, or 1006 where there was none. */
  closeCode: number | undefined;
  sent = 0;
  echoed = 0;
  /** Echoes that were not the next one. */
  wrong = 0;
  /** The longest that an echo took, milliseconds. */
  longestMs = 0;
  readonly #sentAt: number[] = [];
  readonly #pauseMs: number;
  #isSilent = false;
  #onText: ((text: string) => void) | undefined;

  private constructor(client: RawClient, pauseMs: number) {
    this.client = client;
    this.#pauseMs = pauseMs;
    client.onFrame = (heard) => this.#take(heard);
    void client.ended.then(() => {
      this.closeCode ??= CLOSE_CODE.abnormal;
    });
  }

  static async open(
    port: number,
    { path = "/echo", inFlight = 4, pauseMs = 10 } = {},
  ): Promise<Talker> {
    const client = await RawClient.connect(port, { isCleanedUp: false });
    const talker = new Talker(client, pauseMs);
    const { status, raw } = await client.upgrade(path);
    if (status !== 101) throw new Error(`expected a 101, got ${raw}`);
    for (let i = 0; i < inFlight; i++) talker.#talk();
    return talker;
  }

  get socket(): Socket {
    return this.client.socket;
  }

  /** Everything that was said has come back as it was. */
  get isContent(): boolean {
    return this.closeCode === undefined && this.wrong === 0;
  }

  /** Says nothing new; resolves when every echo has come, or the connection has ended. */
  async fallSilent(): Promise<void> {
    this.#isSilent = true;
    await until(
      `${this.sent} echoes have come`,
      () => this.echoed === this.sent || this.closeCode !== undefined,
    );
  }

  /** Asks the handlers something; what is answered is no number. */
  async ask(question: string): Promise<string> {
    const answer = new Promise<string>((resolve) => {
      this.#onText = resolve;
    });
    this.client.send(question);
    return await within(`the answer to ${question}`, answer);
  }

  #talk(): void {
    if (this.#isSilent || this.socket.destroyed) return;
    this.#sentAt.push(performance.now());
    this.client.send(String(this.sent++));
  }

  #take(heard: Frame): void {
    if (heard.opcode === OPCODE.text) this.#hear(heard.payload.toString());
    else if (heard.opcode === OPCODE.ping)
      this.client.write(frame(OPCODE.pong, heard.payload));
    else if (heard.opcode === OPCODE.close) {
      this.closeCode = readClose(heard).code;
      this.socket.end(frame(OPCODE.close, heard.payload));
    }
  }

  #hear(text: string): void {
    const number = Number(text);
    if (Number.isNaN(number)) {
      this.#onText?.(text);
      return;
    }
    if (number !== this.echoed) this.wrong++;
    this.echoed++;
    const sentAt = this.#sentAt.shift() ?? Number.NaN;
    this.longestMs = Math.max(this.longestMs, performance.now() - sentAt);
    setTimeout(() => this.#talk(), this.#pauseMs);
  }
}

/** Opens many; all of them end with the test. */
export async function openTalkers(
  port: number,
  count: number,
  options: Parameters<typeof Talker.open>[1] = {},
): Promise<Talker[]> {
  const talkers: Talker[] = [];
  onTestFinished(() => {
    for (const { socket } of talkers) socket.destroy();
  });
  while (talkers.length < count) {
    const wave = Math.min(WAVE, count - talkers.length);
    talkers.push(
      ...(await Promise.all(
        Array.from({ length: wave }, () => Talker.open(port, options)),
      )),
    );
  }
  return talkers;
}

/** What became of all of them. */
export interface Verdict {
  closed: number;
  wrong: number;
  unanswered: number;
}

/** Lets all fall silent and says what became of them. */
export async function judgeTalkers(
  talkers: readonly Talker[],
): Promise<Verdict> {
  await Promise.all(talkers.map((talker) => talker.fallSilent()));
  const open = talkers.filter(({ closeCode }) => closeCode === undefined);
  return {
    closed: talkers.length - open.length,
    wrong: talkers.reduce((sum, { wrong }) => sum + wrong, 0),
    unanswered: open.reduce((sum, { sent, echoed }) => sum + sent - echoed, 0),
  };
}
