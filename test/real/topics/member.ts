import { fileURLToPath } from "node:url";
import { RawClient } from "../../support/raw-client.ts";
import type { Order } from "./topic-service.ts";

/** The handlers of these tests. */
export const TOPIC_SERVICE = fileURLToPath(
  new URL("topic-service.ts", import.meta.url),
);

/** A client that orders and listens. */
export class Member {
  readonly client: RawClient;
  /** What came before an answer that was waited for. */
  readonly #heard: string[] = [];

  constructor(client: RawClient) {
    this.client = client;
  }

  static async join(port: number, ...topics: string[]): Promise<Member> {
    const member = new Member(await RawClient.open(port, "/"));
    for (const topic of topics) await member.order({ do: "subscribe", topic });
    return member;
  }

  /** Has an order carried out and tells the result. */
  async order(order: Order): Promise<unknown> {
    this.client.send(JSON.stringify(order));
    for (;;) {
      const message = await this.client.message();
      if (message.startsWith("=")) return JSON.parse(message.slice(1));
      this.#heard.push(message);
    }
  }

  /** The next message that is no answer. */
  async hears(): Promise<string> {
    return this.#heard.shift() ?? (await this.client.message());
  }

  /** So many messages. */
  async hearsAll(count: number): Promise<string[]> {
    const messages: string[] = [];
    while (messages.length < count) messages.push(await this.hears());
    return messages;
  }
}
