import type { FrameBatch, TopicMessage } from "../protocol/topic-messages.ts";
import { weighBatches } from "./outbox.ts";

/** A receipt is sent for this share of the bound, so that it costs next to nothing. */
const RECEIPT_SHARE = 1 / 16;

/** Tells the sender at the other end of one link, now and then, how much has been passed on. */
export class Receipts {
  readonly #thresholdBytes: number;
  readonly #reply: (message: TopicMessage) => void;
  #owedBytes = 0;

  constructor(
    maxPublishBacklogBytes: number,
    reply: (message: TopicMessage) => void,
  ) {
    this.#thresholdBytes = maxPublishBacklogBytes * RECEIPT_SHARE;
    this.#reply = reply;
  }

  passedOn(batches: readonly FrameBatch[]): void {
    this.#owedBytes += weighBatches(batches);
    if (this.#owedBytes < this.#thresholdBytes) return;
    this.#reply({ type: "taken", bytes: this.#owedBytes });
    this.#owedBytes = 0;
  }
}
