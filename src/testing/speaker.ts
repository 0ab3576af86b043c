import { CLOSE_CODE, OPCODE } from "../rfc6455.ts";
import {
  closeFrame,
  type Frame,
  frame as write,
  FrameReader,
  readClose,
} from "./frame-codec.ts";

/** Nothing in a simulation is up to chance that is not drawn. */
const UNMASKED = { mask: Buffer.alloc(4) };

/** How a client's connection ended, as it saw it. */
export interface ClientEnd {
  /** Of the server's close frame; 1006 when there was none. */
  readonly code: number;
  readonly reason: string;
}

/** A message that a client has read. */
export interface ClientMessage {
  readonly data: Buffer;
  readonly isBinary: boolean;
}

/** What a client does when something happens to it. */
export interface ClientEvents {
  /** For the story. */
  tell(sentence: string): void;
}

/**
 * The WebSocket side of a client: well-behaved, unless it is told to misbehave.
 * How its bytes travel, simulated or on a socket, is up to who extends it.
 */
export abstract class Speaker {
  readonly name: string;
  readonly path: string;
  readonly #events: ClientEvents;
  readonly #reader = new FrameReader();
  #head = "";
  #fragments: Buffer[] = [];
  #isMute = false;
  #hasSentClose = false;
  /** Of the answer to the upgrade; 0 until it has come. */
  status = 0;
  readonly messages: ClientMessage[] = [];
  /** Whole messages that it has sent, in order. */
  readonly said: Buffer[] = [];
  /** Of these, so many came before bytes that are no message: what the server makes of the rest, nobody knows. */
  saidWhole = Infinity;
  /** Of its close frame; 1005 when that had none, 0 before. */
  codeSaid = 0;
  /** It sent its close frame before it had read the server's. */
  closedFirst = false;
  /** The server's close frame. */
  closeFrame: ClientEnd | undefined;
  /** TCP has ended. */
  isOver = false;
  /** Frames that came behind the server's close frame. */
  framesAfterClose = 0;
  /** Pongs that it has read. */
  pongs = 0;
  /** It has ended by itself, or done what no well-behaved client does. */
  isRude = false;

  constructor(
    { name, path }: { name: string; path: string },
    events: ClientEvents,
  ) {
    this.name = name;
    this.path = path;
    this.#events = events;
  }

  /** Sends bytes, unless TCP has ended. */
  protected abstract write(bytes: Buffer): void;
  /** For the next message that it sends. */
  protected abstract drawMask(): Uint8Array;
  /** Its key for the upgrade. */
  protected abstract readonly key: string;
  /** Ends TCP without a word. */
  protected abstract endTcp(): void;
  /** Breaks TCP off. */
  protected abstract resetTcp(): void;
  protected abstract holdReading(): void;
  abstract readOn(): void;

  get isOpen(): boolean {
    return this.status === 101 && !this.isOver && this.closeFrame === undefined;
  }

  /** It answers neither pings nor close frames. */
  get isMute(): boolean {
    return this.#isMute;
  }

  get texts(): string[] {
    return this.messages.map(({ data }) => data.toString());
  }

  /** It reads what comes, and has read the close frame: nothing that was sent to it is missing. */
  get hasReadToTheEnd(): boolean {
    return this.closeFrame !== undefined;
  }

  /** How it ended; `undefined` as long as TCP lives. */
  get endSeen(): ClientEnd | undefined {
    if (!this.isOver) return undefined;
    return this.closeFrame ?? { code: CLOSE_CODE.abnormal, reason: "" };
  }

  upgrade(headers: Readonly<Record<string, string>> = {}): void {
    const all: Record<string, string> = {
      Host: "sluice.test",
      Upgrade: "websocket",
      Connection: "Upgrade",
      "Sec-WebSocket-Key": this.key,
      "Sec-WebSocket-Version": "13",
      ...headers,
    };
    const lines = Object.entries(all).map(
      ([name, value]) => `${name}: ${value}\r\n`,
    );
    this.write(
      Buffer.from(
        `GET ${this.path} HTTP/1.1\r\n${lines.join("")}\r\n`,
        "latin1",
      ),
    );
  }

  /** Bytes as they are, which may break the protocol: its messages are not counted on any more. */
  writeRudely(bytes: Buffer): void {
    this.#garble();
    this.write(bytes);
  }

  send(data: string | Uint8Array): void {
    if (this.#hasSentClose) return;
    this.said.push(Buffer.from(data as string));
    this.tell(
      `says ${JSON.stringify(abridge(this.said.at(-1)?.toString() ?? ""))}`,
    );
    const opcode = typeof data === "string" ? OPCODE.text : OPCODE.binary;
    this.write(write(opcode, data, { mask: this.drawMask() }));
  }

  /** The first part of a message whose rest never comes. */
  sendHalf(data: string): void {
    this.#garble();
    this.tell("sends half a message");
    const whole = write(OPCODE.text, data, UNMASKED);
    this.write(whole.subarray(0, Math.ceil(whole.length / 2)));
  }

  ping(): void {
    if (!this.#hasSentClose) this.write(write(OPCODE.ping, "", UNMASKED));
  }

  close(code?: number, reason?: string): void {
    if (this.#hasSentClose) return;
    this.#hasSentClose = true;
    this.tell(
      this.closeFrame === undefined ? "closes" : "answers the close frame",
    );
    this.closedFirst = this.closeFrame === undefined;
    this.codeSaid = code ?? CLOSE_CODE.noCode;
    this.write(
      code === undefined
        ? write(OPCODE.close, "", UNMASKED)
        : closeFrame(code, reason, UNMASKED),
    );
  }

  end(): void {
    this.isRude = true;
    this.tell("ends TCP");
    this.endTcp();
  }

  /** TCP breaks, as when a process is killed. */
  reset(): void {
    this.isRude = true;
    this.tell("breaks TCP off");
    this.resetTcp();
    this.over();
  }

  stopReading(): void {
    this.isRude = true;
    this.tell("stops reading");
    this.holdReading();
  }

  /** From now on it answers neither pings nor close frames. */
  mute(): void {
    this.isRude = true;
    this.tell("goes mute");
    this.#isMute = true;
  }

  /** Bytes have come. */
  protected take(part: Buffer): void {
    if (this.status === 101) return this.#hear(this.#reader.push(part));
    this.#head += part.toString("latin1");
    const end = this.#head.indexOf("\r\n\r\n");
    if (end === -1) return undefined;
    this.status = Number(this.#head.split(" ")[1]);
    this.#events.tell(`${this.name} is answered with ${this.status}`);
    const rest = Buffer.from(this.#head.slice(end + 4), "latin1");
    return this.status === 101
      ? this.#hear(this.#reader.push(rest))
      : undefined;
  }

  /** TCP has ended. */
  protected over(): void {
    if (this.isOver) return;
    this.isOver = true;
    if (this.closeFrame === undefined && this.status === 101)
      this.#events.tell(`${this.name} is cut off`);
  }

  protected tell(what: string): void {
    this.#events.tell(`${this.name} ${what}`);
  }

  #garble(): void {
    this.isRude = true;
    this.saidWhole = Math.min(this.saidWhole, this.said.length);
  }

  #hear(frames: readonly Frame[]): void {
    for (const frame of frames) this.#hearFrame(frame);
  }

  #hearFrame(frame: Frame): void {
    if (this.closeFrame !== undefined) this.framesAfterClose++;
    switch (frame.opcode) {
      case OPCODE.close:
        this.closeFrame = readClose(frame);
        this.#events.tell(
          `${this.name} is told to go: ${this.closeFrame.code} ${this.closeFrame.reason}`.trimEnd(),
        );
        if (!this.#isMute)
          this.close(
            this.closeFrame.code === CLOSE_CODE.noCode
              ? undefined
              : this.closeFrame.code,
          );
        return;
      case OPCODE.ping:
        if (!this.#isMute && !this.#hasSentClose)
          this.write(write(OPCODE.pong, frame.payload, UNMASKED));
        return;
      case OPCODE.pong:
        this.pongs++;
        return;
      case OPCODE.continuation:
      case OPCODE.text:
      case OPCODE.binary:
        this.#fragments.push(frame.payload);
        if (!frame.isFinal) return;
        this.messages.push({
          data: Buffer.concat(this.#fragments),
          isBinary: frame.opcode === OPCODE.binary,
        });
        this.#fragments = [];
        this.#events.tell(
          `${this.name} reads ${JSON.stringify(abridge(this.messages.at(-1)?.data.toString() ?? ""))}`,
        );
    }
  }
}

const LEGIBLE = 60;

function abridge(text: string): string {
  return text.length <= LEGIBLE ? text : `${text.slice(0, LEGIBLE)}…`;
}
