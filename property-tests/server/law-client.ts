import { OPCODE, readClose } from "../../src/testing/frame-codec.ts";
import type { RawClient } from "../../test/support/raw-client.ts";
import { within } from "../../test/support/within.ts";
import type { Member } from "./ledger-model.ts";

/** What a client has seen of the end. */
export interface ToldToGo {
  readonly code: number;
  readonly reason: string;
  /** Replies that it was still owed when the close frame came. */
  readonly owed: number;
}

/** A client with habits, on a bare socket: it does what its member in the model does. */
export class LawClient {
  readonly raw: RawClient;
  readonly #member: Member;
  #owed = 0;
  #replies = 0;
  #wake: (() => void) | undefined;
  told: ToldToGo | undefined;
  /** Is given every message that comes. */
  onReply: ((text: string) => void) | undefined;

  constructor(raw: RawClient, member: Member) {
    this.raw = raw;
    this.#member = member;
    void this.#listen();
  }

  /** Sends a message that is answered, some time. */
  ask(text = "message"): void {
    this.#owed++;
    this.raw.send(text);
  }

  /** Waits until nothing is owed. */
  async answered(): Promise<void> {
    await within(
      "the replies",
      (async () => {
        while (this.#owed > 0)
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
      })(),
    );
  }

  /** What is owed will never come: the handler does not return. */
  forgive(): void {
    this.#owed = 0;
  }

  pause(): void {
    this.raw.socket.pause();
  }

  resume(): void {
    this.raw.socket.resume();
  }

  get replies(): number {
    return this.#replies;
  }

  async #listen(): Promise<void> {
    for (;;) {
      const next = await this.raw.next(600_000).catch(() => undefined);
      if (next === undefined) return;
      if (next.opcode === OPCODE.close) {
        this.told ??= { ...readClose(next), owed: this.#owed };
        if (this.#member.habit === "answering")
          this.raw.sendClose(this.told.code === 1005 ? 1000 : this.told.code);
      } else {
        this.#replies++;
        this.onReply?.(next.payload.toString());
        if (this.#owed > 0) this.#owed--;
        this.#wake?.();
      }
    }
  }
}
