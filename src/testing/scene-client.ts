import type { ClientEnd, Speaker } from "./speaker.ts";
import { PATIENCE_MS, type Waits } from "./waits.ts";

/** A WebSocket client in a scene. */
export class Client {
  readonly #speaker: Speaker;
  readonly #waits: Waits;
  readonly #patienceMs: number;
  #read = 0;

  /** @param waits - Of the scene that it is in. */
  constructor(speaker: Speaker, waits: Waits, patienceMs = PATIENCE_MS) {
    this.#speaker = speaker;
    this.#waits = waits;
    this.#patienceMs = patienceMs;
  }

  get name(): string {
    return this.#speaker.name;
  }

  /** All messages that it has read, as text. */
  get texts(): readonly string[] {
    return this.#speaker.texts;
  }

  /** All messages that it has sent, whole, as text. */
  get said(): readonly string[] {
    return this.#speaker.said.map((data) => data.toString());
  }

  /** Status of the answer to its upgrade; 0 until it has come. */
  get status(): number {
    return this.#speaker.status;
  }

  get isOpen(): boolean {
    return this.#speaker.isOpen;
  }

  /** It has read the server's close frame: nothing that was sent to it is missing. */
  get readToTheEnd(): boolean {
    return this.#speaker.hasReadToTheEnd;
  }

  /** Code and reason of its end, as `closed()` resolves with; `undefined` until then. */
  get outcome(): ClientEnd | undefined {
    return this.#speaker.endSeen;
  }

  /** Sends a message; it is on its way when this returns. */
  send(data: string | Uint8Array): void {
    this.#speaker.send(data);
  }

  /** Sends the first half of a message, and never the rest. */
  sendHalf(text: string): void {
    this.#speaker.sendHalf(text);
  }

  /** Bytes as they are: for frames that break the protocol. */
  sendBytes(bytes: Uint8Array): void {
    this.#speaker.writeRudely(Buffer.from(bytes));
  }

  ping(): void {
    this.#speaker.ping();
  }

  /** Starts the closing handshake. */
  close(code?: number, reason?: string): void {
    this.#speaker.close(code, reason);
  }

  /** Ends TCP without a close frame. */
  end(): void {
    this.#speaker.end();
  }

  /** Breaks TCP off, as when its process is killed. */
  reset(): void {
    this.#speaker.reset();
  }

  /** What is sent to it piles up. */
  stopReading(): void {
    this.#speaker.stopReading();
  }

  readOn(): void {
    this.#speaker.readOn();
  }

  /** It answers neither pings nor close frames any more. */
  mute(): void {
    this.#speaker.mute();
  }

  /**
   * The next message that it has not returned yet, as text.
   *
   * @throws Error when its connection ends first, or nothing comes in a minute
   *   of virtual time; on real threads, within `patienceMs`
   */
  async next(): Promise<string> {
    const speaker = this.#speaker;
    await this.#waits.until(
      () => speaker.messages.length > this.#read || speaker.isOver,
      this.#patienceMs,
    );
    const message = speaker.messages[this.#read];
    if (message === undefined)
      throw new Error(
        speaker.isOver
          ? `${speaker.name} waited for a message, and its connection ended with ${speaker.endSeen?.code ?? speaker.status}`
          : `${speaker.name} waited for a message, and none came in ${this.#patienceMs / 1000} s`,
      );
    this.#read++;
    return message.data.toString();
  }

  /**
   * Waits for the end of its connection.
   *
   * @returns code and reason of the server's close frame; 1006 without one
   */
  async closed(): Promise<ClientEnd> {
    const speaker = this.#speaker;
    await this.#waits.until(() => speaker.isOver, this.#patienceMs);
    if (speaker.endSeen === undefined)
      throw new Error(
        `${speaker.name} is still connected after ${this.#patienceMs / 1000} s`,
      );
    return speaker.endSeen;
  }
}
