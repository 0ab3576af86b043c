import type { AsyncCommand } from "fast-check";
import type { LedgerModel, Member } from "../ledger-model.ts";
import type { World } from "../world.ts";

export type LedgerCommand = AsyncCommand<LedgerModel, World>;

/** The member that a random number means. */
export function pick(members: readonly Member[], at: number): Member {
  const member = members[at % members.length];
  if (member === undefined) throw new Error("there is nobody to pick");
  return member;
}

/** A command whose sentence may have a number in it, and which leaves the ledgers equal. */
export abstract class Settling implements LedgerCommand {
  abstract check(model: Readonly<LedgerModel>): boolean;
  protected abstract act(model: LedgerModel, world: World): Promise<void>;
  abstract toString(): string;

  async run(model: LedgerModel, world: World): Promise<void> {
    await this.act(model, world);
    await world.settled(model);
  }
}

/** Something that one of several members does. */
export abstract class OfMember extends Settling {
  readonly at: number;

  constructor(at: number) {
    super();
    this.at = at;
  }

  /** Those who can. */
  protected abstract able(model: Readonly<LedgerModel>): readonly Member[];
  protected abstract does(
    member: Member,
    model: LedgerModel,
    world: World,
  ): Promise<void> | void;

  check(model: Readonly<LedgerModel>): boolean {
    return this.able(model).length > 0;
  }

  protected async act(model: LedgerModel, world: World): Promise<void> {
    await this.does(pick(this.able(model), this.at), model, world);
  }
}
