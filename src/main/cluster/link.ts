import { type ActorRefFrom, createActor, waitFor } from "xstate";
import {
  type LinkDelay,
  linkDelays,
  linkMachine,
} from "../../machines/link-machine.ts";
import { stateName } from "../../machines/transition-table.ts";
import { aside } from "../aside.ts";
import type { NatsConnection } from "./nats-client.ts";
import { sayForeign } from "../../foreign-value.ts";

const BACK_OFF_MS = { first: 100, longest: 5_000 } as const;
/** Waits differ by so much, so that instances do not come back all at once. */
const JITTER = 0.5;

/** What a link tells its engine. */
export interface LinkOwner {
  connect(): Promise<NatsConnection>;
  /** The link is there: to be subscribed on. */
  subscribeAll(connection: NatsConnection): void;
  /** What was held back may go. */
  sendHeld(): void;
  changed(state: string): void;
}

/** Runs the link machine over connections to NATS: each is used until it breaks, then there is a new one. */
export class Link {
  readonly #owner: LinkOwner;
  readonly #random: () => number;
  readonly #actor: ActorRefFrom<typeof linkMachine>;
  #attempt = 0;
  #failures = 0;
  #hasBeenOpen = false;
  /** The one in use; it may be about to break. */
  connection: NatsConnection | undefined;
  reconnects = 0;
  lastError: string | undefined;

  constructor(owner: LinkOwner, random = Math.random) {
    this.#owner = owner;
    this.#random = random;
    this.#actor = createActor(this.#machine());
    this.#actor.subscribe(() => owner.changed(this.state));
  }

  get state(): string {
    return stateName(this.#actor.getSnapshot().value);
  }

  /** Messages can be sent as they come. */
  get isConnected(): boolean {
    return this.state === "connected";
  }

  start(): void {
    this.#actor.start();
  }

  /** Sends what is under way and ends. */
  async stop(): Promise<void> {
    this.#actor.send({ type: "stop.requested" });
    await waitFor(this.#actor, ({ status }) => status === "done");
  }

  #machine(): typeof linkMachine {
    const delays: Record<LinkDelay, () => number> = {
      connectDeadline: () => linkDelays.connectDeadline,
      backOff: () => this.#backOffMs(),
      resumeDelay: () => linkDelays.resumeDelay,
      flushDeadline: () => linkDelays.flushDeadline,
    };
    return linkMachine.provide({
      delays,
      actions: {
        openLink: () => aside(this.#open(++this.#attempt), "linking to NATS"),
        dropLink: () => this.#drop("the servers did not answer in time"),
        subscribeAgain: () => {
          this.#owner.subscribeAll(this.connection as NatsConnection);
        },
        sendHeld: () => this.#owner.sendHeld(),
        flushLink: () => aside(this.#flush(), "flushing the link to NATS"),
        closeLink: () => this.#drop(this.lastError),
      },
    });
  }

  async #open(attempt: number): Promise<void> {
    let connection: NatsConnection;
    try {
      connection = await this.#owner.connect();
    } catch (error) {
      if (attempt !== this.#attempt) return;
      this.#failures++;
      this.lastError = sayForeign(error);
      this.#actor.send({ type: "link.failed" });
      return;
    }
    if (attempt !== this.#attempt) {
      await connection.close();
      return;
    }
    this.connection = connection;
    this.#failures = 0;
    aside(
      connection.closed().then((error) => this.#closed(connection, error)),
      "the end of a link to NATS",
    );
    if (this.#hasBeenOpen) this.reconnects++;
    this.#actor.send({
      type: this.#hasBeenOpen ? "link.reopened" : "link.opened",
    });
    this.#hasBeenOpen = true;
  }

  /** Whatever comes of an attempt under way is not wanted any more. */
  #drop(reason: string | undefined): void {
    this.#attempt++;
    this.#failures++;
    this.lastError = reason;
    const { connection } = this;
    this.connection = undefined;
    aside(connection?.close(), "closing a link to NATS");
  }

  #closed(connection: NatsConnection, error: unknown): void {
    if (this.connection !== connection) return;
    this.connection = undefined;
    this.lastError = error instanceof Error ? sayForeign(error) : "closed";
    this.#actor.send({ type: "link.lost" });
  }

  async #flush(): Promise<void> {
    try {
      await this.connection?.flush();
    } catch {
      // Broken meanwhile: there is nothing left to flush.
    }
    // It may not have been waited for: XState prints a warning about what a stopped actor is sent.
    if (this.#actor.getSnapshot().status === "active")
      this.#actor.send({ type: "link.flushed" });
  }

  #backOffMs(): number {
    const wait = Math.min(
      BACK_OFF_MS.first * 2 ** Math.max(0, this.#failures - 1),
      BACK_OFF_MS.longest,
    );
    return wait * (1 - JITTER * this.#random());
  }
}
