import { connect } from "node:net";
import { isDeepStrictEqual } from "node:util";
import {
  serve,
  type Ledger,
  type ServerOptions,
  type ShutdownReport,
  type SluiceServer,
} from "../../src/index.ts";
import { RawClient } from "../../test/support/raw-client.ts";
import { SERVICE } from "../../test/support/server.ts";
import { until, within } from "../../test/support/within.ts";
import { LawClient } from "./law-client.ts";
import type { LedgerModel, Member } from "./ledger-model.ts";

export const SHARDS = 2;
export const CLOSE_CODE = 1001;
/** Of a shutdown; short, since every mute client makes the server wait for it. */
export const DEADLINE_MS = 1_000;
/** Of a drain, and of an ordinary close. */
export const DRAIN_DEADLINE_MS = 300;
/** What the server may take beyond its deadline (forcing, ending threads), and a loaded machine. */
const GRACE_MS = 1_000;

const options: ServerOptions = {
  port: 0,
  workers: SHARDS,
  handlers: SERVICE,
  origins: "any",
  closeCode: CLOSE_CODE,
  closeDeadlineMs: DRAIN_DEADLINE_MS,
  shutdownDeadlineMs: DEADLINE_MS,
  closeRate: 200,
  blockedAfterMs: 1_000,
  // Nothing but the commands may end a connection.
  heartbeatIntervalMs: 0,
  handshakeDeadlineMs: 120_000,
  congestionDeadlineMs: 120_000,
  highWaterMarkBytes: 64 * 1024,
  lowWaterMarkBytes: 16 * 1024,
  maxBufferedBytes: 64 * 1024 * 1024,
};

/** A real server and its real clients. */
export class World {
  readonly server: SluiceServer;
  readonly #clients = new Map<Member, LawClient>();
  readonly #others: RawClient[] = [];

  private constructor(server: SluiceServer) {
    this.server = server;
  }

  static async create(more: ServerOptions = {}): Promise<World> {
    return new World(await serve({ ...options, ...more }));
  }

  get port(): number {
    return this.server.address.port;
  }

  /** Connects, and tells the model on which shard it is. */
  async open(model: LedgerModel, path: string): Promise<Member> {
    const before = this.#opened();
    const raw = await RawClient.open(this.port, path, undefined, {
      isCleanedUp: false,
    });
    const shard = await until("the shard has counted it", () => {
      const now = this.#opened();
      const index = now.findIndex((count, at) => count !== before[at]);
      return index < 0 ? undefined : { index };
    });
    const member = model.open(path, shard.index);
    this.#clients.set(member, new LawClient(raw, member));
    return member;
  }

  /** Connects and sends these bytes. */
  async knock(bytes: string): Promise<RawClient> {
    const raw = await RawClient.connect(this.port, { isCleanedUp: false });
    this.#others.push(raw);
    raw.write(bytes);
    return raw;
  }

  clientOf(member: Member): LawClient {
    const client = this.#clients.get(member);
    if (client === undefined) throw new Error(`no client ${member.id}`);
    return client;
  }

  /** Waits until the server's ledger is the model's. */
  async settled(model: LedgerModel): Promise<void> {
    let seen: Ledger | undefined;
    try {
      await until("the ledger is the model's", () => {
        seen = this.server.stats().ledger;
        return isDeepStrictEqual(seen, model.ledger);
      });
    } catch (error) {
      throw new Error(
        `the server counts ${JSON.stringify(seen)}, the model ${JSON.stringify(model.ledger)}`,
        { cause: error },
      );
    }
  }

  /** Waits until a shard takes connections. */
  async serving(shard: number): Promise<void> {
    await until(
      `shard ${shard} serves`,
      () => this.server.stats().shards[shard]?.state === "serving.accepting",
    );
  }

  /** Whether the operating system accepts for the server; it counts when it does. */
  async canConnect(): Promise<boolean> {
    const socket = connect({ port: this.port, host: "127.0.0.1" });
    const { promise, resolve } = Promise.withResolvers<boolean>();
    socket.on("error", () => resolve(false));
    socket.on("connect", () => resolve(true));
    const isConnected = await promise;
    socket.resetAndDestroy();
    return isConnected;
  }

  /** Waits until it listens again, which a client has to try. */
  async listening(model: LedgerModel): Promise<void> {
    await until("the server listens", () => this.canConnect());
    model.reject();
  }

  /** Those of them who were told to go before this moment, once they have gone. */
  async toldUntilNow(members: readonly Member[]): Promise<Member[]> {
    // It is aimed at nobody; behind it, the shards have done all that was said before.
    await within(
      "the shards to listen",
      this.server.drain({ pathPrefix: "/nowhere" }).done,
    );
    await until("those who were told have gone", () => {
      const { states, ledger } = this.server.stats();
      const isAnyoneLeaving = Object.entries(states).some(
        ([state, count]) => /^(closing|draining)/.test(state) && count > 0,
      );
      const gone = members.length - ledger.live;
      return !isAnyoneLeaving && this.told(members).length === gone;
    });
    return this.told(members);
  }

  /** Those whose close frame has come, though the server did not wait for them yet. */
  told(members: readonly Member[]): Member[] {
    return members.filter((member) => this.clientOf(member).told !== undefined);
  }

  /** Shuts down, and holds the report against the model. */
  async end(model: LedgerModel): Promise<void> {
    const startedAt = performance.now();
    const wasBlocked = model.shards.filter(({ isBlocked }) => isBlocked);
    const first = this.server.shutdown();
    const second = this.server.shutdown();
    const reports = await within(
      "the report",
      Promise.all([first, second, this.server.terminated]),
    );
    const tookMs = performance.now() - startedAt;
    this.#expectReport(model, reports, wasBlocked.length);
    if (tookMs > DEADLINE_MS + GRACE_MS)
      throw new Error(`the shutdown took ${tookMs} ms`);
  }

  #expectReport(
    model: LedgerModel,
    reports: readonly ShutdownReport[],
    blocked: number,
  ): void {
    for (const [index] of model.shards.entries())
      if (model.shards[index]?.isBlocked === true) model.crash(index);
    for (const member of model.live) model.dismiss(member, CLOSE_CODE);
    model.turnAway(model.upgrading);
    model.isOver = true;
    const [report] = reports;
    const { accepted, opened, outcomes, closeCodes } = model;
    const expected = {
      accepted,
      opened,
      rejected: outcomes.rejected,
      outcomes,
      closeCodes,
      balanced: true,
      deadlineHeld: true,
      shardsKilled: blocked,
      shardsCrashed: model.kills,
    };
    for (const [key, value] of Object.entries(expected)) {
      const told = report?.[key as keyof ShutdownReport];
      if (!isDeepStrictEqual(told, value))
        throw new Error(
          `the report says ${key}: ${JSON.stringify(told)}, the model ${JSON.stringify(value)}`,
        );
    }
    if (reports.some((other) => other !== report))
      throw new Error("two callers got two reports");
    for (const client of this.#clients.values())
      if (client.told !== undefined && client.told.owed > 0)
        throw new Error(
          `a close frame came before ${client.told.owed} replies`,
        );
  }

  /** Whatever happened: nothing of it is left. */
  async dispose(): Promise<void> {
    this.server.force();
    await this.server.terminated.catch(() => {});
    const all = [
      ...[...this.#clients.values()].map(({ raw }) => raw),
      ...this.#others,
    ];
    for (const raw of all) raw.destroy();
    await Promise.all(all.map(({ ended }) => ended));
  }

  #opened(): number[] {
    return this.server.stats().shards.map(({ connections }) => connections);
  }
}
