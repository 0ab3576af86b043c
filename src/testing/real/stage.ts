import { randomUUID } from "node:crypto";
import type { ServerOptions } from "../../config.ts";
import { serve, type ShutdownReport, type SluiceServer } from "../../index.ts";
import type { Breach } from "../simulation/law.ts";
import { type RealAddress, RealClient } from "./real-client.ts";
import { Watch, type WatchNews } from "./watch.ts";

/** What a scene on real threads is made of. */
export interface StageOptions {
  readonly handlers: URL;
  readonly shards: number;
  readonly instances: number;
  readonly server: Omit<ServerOptions, "handlers" | "workers">;
  readonly nats: readonly string[];
  readonly onMessage?: (client: string | undefined, data: Buffer) => void;
}

/** A server of the stage, and those who watch its handlers. */
export interface StagedServer {
  readonly server: SluiceServer;
  readonly watch: Watch;
}

/** That no event announces is looked at again after so long. */
const LOOK_AGAIN_MS = 2;
/** Instances find each other within this, or NATS is not what it should be. */
const MEETING_MS = 30_000;
/** Clients have read their close frame by then, or never do. */
const FAREWELL_MS = 2_000;

/** Real servers, and clients on real sockets. */
export class Stage {
  readonly servers: StagedServer[] = [];
  readonly clients: RealClient[] = [];
  readonly story: string[] = [];
  readonly #options: StageOptions;
  readonly #threw: string[] = [];
  #isHeld = false;

  constructor(options: StageOptions) {
    this.#options = options;
  }

  /** Starts all servers; none is left when one fails. */
  async start(): Promise<void> {
    const { instances, nats } = this.#options;
    const clusterName = `perform-${randomUUID()}`;
    for (let count = 0; count < instances; count++)
      await this.#startOne(nats.length > 0 ? { nats, clusterName } : {});
    if (nats.length > 0) await this.#untilTheyKnowEachOther();
  }

  tell(sentence: string): void {
    this.story.push(sentence);
  }

  /** A client connects to a server, and asks for the upgrade. */
  connect(
    { server }: StagedServer,
    {
      path,
      name = `client ${this.clients.length + 1}`,
      headers,
      address,
    }: {
      readonly path: string;
      readonly name?: string;
      readonly headers?: Readonly<Record<string, string>>;
      readonly address?: string;
    },
  ): RealClient {
    const { host, port } = server.address;
    const to: RealAddress = {
      host,
      port,
      isSecure: server.config.tlsKeyFile !== undefined,
      ...(address !== undefined && { localAddress: address }),
    };
    const client = new RealClient({ name, path }, to, this, this.#isHeld);
    this.clients.push(client);
    this.tell(`${name} connects to ${path}`);
    client.upgrade(headers);
    return client;
  }

  hold(): void {
    this.#isHeld = true;
    for (const client of this.clients) client.hold();
  }

  release(): void {
    this.#isHeld = false;
    for (const client of this.clients) client.release();
  }

  /** Everything that clients have sent was read by the server, and what it had sent before has come. */
  async settle(withinMs: number): Promise<void> {
    const asked = this.clients.filter(({ isOpen }) => isOpen);
    const pongs = new Map(asked.map((client) => [client, client.pongs]));
    for (const client of asked) client.ping();
    await this.until(
      () =>
        [...pongs].every(
          ([client, before]) => client.pongs > before || !client.isOpen,
        ),
      withinMs,
    );
  }

  /** Resolves with `false` when it did not come about in time. */
  async until(isDone: () => boolean, withinMs = MEETING_MS): Promise<boolean> {
    const giveUpAt = performance.now() + withinMs;
    while (!isDone()) {
      if (performance.now() > giveUpAt) return false;
      await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
    }
    return true;
  }

  /** Shuts down what still runs. */
  async endServers(): Promise<readonly ShutdownReport[]> {
    this.release();
    for (const client of this.clients) client.readOn();
    for (const { server } of this.servers)
      // How it went, `terminated` tells.
      server.shutdown().catch(() => {});
    const reports = await Promise.all(
      this.servers.map(({ server }) => server.terminated),
    );
    await this.until(
      () => this.clients.every(({ isOver }) => isOver),
      FAREWELL_MS,
    );
    return reports;
  }

  /** Ends everything at once, if it has not ended. */
  async clear(): Promise<void> {
    for (const client of this.clients) client.discard();
    for (const { server } of this.servers) server.force();
    await Promise.allSettled(
      this.servers.map(({ server }) => server.terminated),
    );
    for (const { watch } of this.servers) watch.end();
  }

  /** What was broken of the laws that can be seen from outside. */
  async findBreaches(reports: readonly ShutdownReport[]): Promise<Breach[]> {
    // What threads have told last is on its way.
    await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
    const unbalanced = reports
      .filter(({ balanced }) => !balanced)
      .map(({ outcomes }) => ({
        law: "every connection has one outcome, which is what its client saw",
        what: `the ledger does not add up: ${JSON.stringify(outcomes)}`,
      }));
    const late = this.clients
      .filter(({ framesAfterClose }) => framesAfterClose > 0)
      .map(({ name, framesAfterClose }) => ({
        law: "nothing follows the close frame",
        what: `${name} read ${framesAfterClose} frames behind it`,
      }));
    const threw = this.#threw.map((what) => ({ law: "no hook throws", what }));
    return [...unbalanced, ...late, ...threw];
  }

  async #startOne(cluster: ServerOptions): Promise<void> {
    const { handlers, shards, server } = this.#options;
    const watch = new Watch((news) => this.#hear(news));
    const module = watch.moduleFor(handlers);
    try {
      const started = await serve({
        admin: false,
        origins: "any",
        ...cluster,
        ...server,
        port: 0,
        workers: shards,
        handlers: module,
      });
      this.servers.push({ server: started, watch });
    } catch (error) {
      watch.end();
      // It names what stands in for them.
      if (error instanceof Error)
        error.message = error.message.replaceAll(module, handlers.href);
      throw error;
    }
  }

  async #untilTheyKnowEachOther(): Promise<void> {
    const { servers } = this;
    const giveUpAt = performance.now() + MEETING_MS;
    for (;;) {
      const lists = await Promise.all(
        servers.map(({ server }) => server.instances().catch(() => [])),
      );
      if (lists.every(({ length }) => length === servers.length)) return;
      if (performance.now() > giveUpAt)
        throw new Error(
          `the instances do not find each other by way of ${this.#options.nats.join(", ")}: of ${servers.length} they see ${lists.map(({ length }) => length).join(", ")}`,
        );
      await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS * 10));
    }
  }

  #hear(news: WatchNews): void {
    if (news.kind === "threw") {
      const { id, hook, error } = news;
      this.#threw.push(
        `${id === undefined ? "" : `${id}: `}${hook} threw ${error}`,
      );
      return;
    }
    const client = this.clients.find(({ key }) => key === news.key);
    this.#options.onMessage?.(client?.name, Buffer.from(news.data));
  }
}
