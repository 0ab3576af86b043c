import { frame, OPCODE } from "../../src/testing/frame-codec.ts";
import { until, within } from "../../test/support/within.ts";
import type { LawClient } from "../server/law-client.ts";

/** In the middle of the mask: neither header nor payload is complete. */
const HALF = 4;
const NOTHING = Buffer.alloc(0);

/** A client that says numbers, and holds what comes back against what it has said. */
export class Traveller {
  readonly client: LawClient;
  /** What it subscribes to. */
  readonly topics = new Set<string>();
  /** Publications, in the order in which they came. */
  readonly news: string[] = [];
  /** Publications that should have come. */
  readonly expected: string[] = [];
  /** Publications of others, to whatever topic, that have been on their way to its thread. */
  passing = 0;
  readonly faults: string[] = [];
  #passed = 0;
  #said = 0;
  #answered = 0;
  #rest: Buffer = NOTHING;
  #isGone = false;
  #onAnswer: ((text: string) => void) | undefined;

  constructor(client: LawClient) {
    this.client = client;
    client.onReply = (text) => this.#hear(text);
    void client.raw.ended.then(() => {
      this.#isGone = true;
    });
  }

  /** TCP has ended. */
  get isGone(): boolean {
    return this.#isGone;
  }

  /** Says the next number, behind what is left of the one before. */
  say(): void {
    if (this.#isGone) return;
    this.finish();
    this.client.raw.send(String(this.#said++));
  }

  /** Says the first half of the next number's frame. */
  begin(): void {
    if (this.#isGone) return;
    this.finish();
    const bytes = frame(OPCODE.text, String(this.#said++));
    this.client.raw.write(bytes.subarray(0, HALF));
    this.#rest = bytes.subarray(HALF);
  }

  /** Says the other half. */
  finish(): void {
    if (!this.#isGone && this.#rest.length > 0)
      this.client.raw.write(this.#rest);
    this.#rest = NOTHING;
  }

  get isAnswered(): boolean {
    return this.#answered === this.#said;
  }

  /** Waits for all answers, and complains about all that was wrong. */
  async answered(): Promise<void> {
    await until(
      `${this.#said} numbers are answered`,
      () => this.isAnswered || this.#isGone || this.faults.length > 0,
    );
    if (!this.isAnswered)
      this.faults.push(`${this.#said} were said, ${this.#answered} answered`);
    this.complain();
  }

  /** @throws Error with all that was wrong. */
  complain(): void {
    if (this.faults.length > 0) throw new Error(this.faults.join("; "));
  }

  /** Waits for the publications that should have come, and for those to others to have passed. */
  async informed(): Promise<void> {
    await until(
      `${this.expected.length} publications have come`,
      () =>
        this.news.length >= this.expected.length &&
        this.#passed >= this.passing,
    );
    const told = this.news.join();
    const meant = this.expected.join();
    if (told !== meant) throw new Error(`it heard ${told}, meant was ${meant}`);
  }

  /** Asks something that is answered with one message. */
  async ask(order: string): Promise<string> {
    const answer = new Promise<string>((resolve) => {
      this.#onAnswer = resolve;
    });
    this.client.raw.send(order);
    return await within(`the answer to ${order}`, answer);
  }

  /** In which thread its handlers run. */
  async where(): Promise<string> {
    return await this.ask("where");
  }

  #hear(text: string): void {
    const [kind, ...rest] = text.split(" ");
    if (kind === "news") this.news.push(rest.join(" "));
    else if (kind === "fence") this.#passed++;
    else if (kind === "fault:") this.faults.push(text);
    else if (kind === "heard") this.#check(rest.map(Number));
    else this.#onAnswer?.(text);
  }

  #check([number, count]: readonly (number | undefined)[]): void {
    const isNext = number === this.#answered;
    this.#answered++;
    if (!isNext || count !== this.#answered)
      this.faults.push(
        `answer ${this.#answered} was to ${number}, the ${count}th that was heard`,
      );
  }
}
