import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { onTestFinished } from "vitest";
import { frame, FrameReader, OPCODE, readClose } from "../../support/frames.ts";
import { upgradeRequest } from "../../support/raw-client.ts";
import { until, within } from "../../support/within.ts";

/** So many connect at the same time. */
const WAVE = 100;

/**
 * A client that always has numbered messages on their way, and holds the echoes
 * against them: each has to come back once, in order.
 */
export class Talker {
  readonly socket: Socket;
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

  private constructor(socket: Socket, pauseMs: number) {
    this.socket = socket;
    this.#pauseMs = pauseMs;
    socket.on("error", () => {});
    socket.on("close", () => {
      this.closeCode ??= 1006;
    });
  }

  static async open(
    port: number,
    { path = "/echo", inFlight = 4, pauseMs = 10 } = {},
  ): Promise<Talker> {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    const talker = new Talker(socket, pauseMs);
    await once(socket, "connect");
    socket.write(upgradeRequest(path));
    const [answer] = (await once(socket, "data")) as [Buffer];
    const end = answer.indexOf("\r\n\r\n");
    if (!answer.toString("latin1").startsWith("HTTP/1.1 101"))
      throw new Error(`expected a 101, got ${answer.toString("latin1")}`);
    talker.#listen(answer.subarray(end + 4));
    for (let i = 0; i < inFlight; i++) talker.#talk();
    return talker;
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
    this.socket.write(frame(OPCODE.text, question));
    return await within(`the answer to ${question}`, answer);
  }

  #talk(): void {
    if (this.#isSilent || this.socket.destroyed) return;
    this.#sentAt.push(performance.now());
    this.socket.write(frame(OPCODE.text, String(this.sent++)));
  }

  #listen(rest: Buffer): void {
    const reader = new FrameReader();
    const read = (chunk: Buffer): void => {
      for (const { opcode, payload } of reader.push(chunk))
        if (opcode === OPCODE.text) this.#hear(payload.toString());
        else if (opcode === OPCODE.ping)
          this.socket.write(frame(OPCODE.pong, payload));
        else if (opcode === OPCODE.close) {
          this.closeCode = readClose({ payload } as never).code;
          this.socket.end(frame(OPCODE.close, payload));
        }
    };
    this.socket.on("data", read);
    read(rest);
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
