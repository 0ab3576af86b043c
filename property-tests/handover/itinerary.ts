import type { ServerOptions } from "../../src/index.ts";
import { fileURLToPath } from "node:url";
import { until } from "../../test/support/within.ts";
import { LedgerModel, type Member } from "../server/ledger-model.ts";
import type { World } from "../server/world.ts";
import { Traveller } from "./traveller.ts";

export const SHARDS = 3;

export const options: ServerOptions = {
  workers: SHARDS,
  handlers: fileURLToPath(new URL("service.ts", import.meta.url)),
  moveDeadlineMs: 150,
  trialMs: 20,
};

/** The ledger's model, and what is known of those who travel. */
export class Itinerary extends LedgerModel {
  readonly travellers = new Map<Member, Traveller>();
  /** Shard and thread of those who do not read: they cannot move. */
  readonly stuckAt = new Map<Member, { shard: number; thread: string }>();
  published = 0;

  constructor() {
    super(SHARDS);
  }

  /** Live, and reading. */
  get readers(): readonly Member[] {
    return this.live.filter(({ habit }) => habit === "answering");
  }

  travellerOf(member: Member): Traveller {
    const known = this.travellers.get(member);
    if (known === undefined) throw new Error(`no traveller ${member.id}`);
    return known;
  }

  /** Those who do not read and are on this shard; on any without one. */
  stuckOn(shard?: number): readonly Member[] {
    return this.live.filter((member) => {
      const place = this.stuckAt.get(member);
      return place !== undefined && (shard ?? place.shard) === place.shard;
    });
  }

  /** Every shard of the server was tried with a connection of its own. */
  probed(): void {
    const { clean } = this.outcomes;
    this.accepted += SHARDS;
    this.opened += SHARDS;
    this.outcomes.clean = clean + SHARDS;
    this.closeCodes[1000] = (this.closeCodes[1000] ?? 0) + SHARDS;
  }

  async join(world: World, path: string): Promise<void> {
    const member = await world.open(this, path);
    this.travellers.set(member, new Traveller(world.clientOf(member)));
  }
}

/** Waits until as many shards as there should be take connections. */
export async function allServing({ server }: World): Promise<void> {
  await until("every shard serves", () => {
    const { shards } = server.stats();
    return (
      shards.length === SHARDS &&
      shards.every(({ state }) => state === "serving.accepting")
    );
  });
}
