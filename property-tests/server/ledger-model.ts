import type { Ledger, Outcome } from "../../src/index.ts";

/**
 * What a client does about a close frame, and whether it reads: `answering` and
 * `mute` read; only the first answers. One that is `stuck` does not read, and
 * the server has more for it than the kernel takes.
 */
export type Habit = "answering" | "mute" | "stuck";

/** One connection, as the model sees it. */
export interface Member {
  readonly id: number;
  readonly path: string;
  readonly shard: number;
  habit: Habit;
  /** How it ends once the server reads what it has said: nobody is read from who does not read. */
  unheard: { outcome: Outcome; code: number } | undefined;
  /** Known once it has ended. */
  outcome: Outcome | undefined;
}

/** One shard, as the model sees it. */
export interface ModelShard {
  isSuspended: boolean;
  isBlocked: boolean;
}

/** How it ends when the server closes it, and how it ends when its peer does. */
const whenClosed = {
  answering: "clean",
  mute: "unacknowledged",
  stuck: "forced",
} as const satisfies Record<Habit, Outcome>;

/** The ledger, kept by hand: what the server's own has to be equal to. */
export class LedgerModel {
  readonly members: Member[] = [];
  readonly shards: readonly ModelShard[];
  readonly outcomes: Record<Outcome, number> = {
    rejected: 0,
    served: 0,
    cut: 0,
    clean: 0,
    unacknowledged: 0,
    forced: 0,
    lost: 0,
    crashed: 0,
  };
  /** Opened connections that ended, by close code. */
  readonly closeCodes: Record<string, number> = {};
  accepted = 0;
  upgrading = 0;
  opened = 0;
  kills = 0;
  isOver = false;

  constructor(shards: number) {
    this.shards = Array.from({ length: shards }, () => ({
      isSuspended: false,
      isBlocked: false,
    }));
  }

  /** The operating system accepts for it. */
  get isListening(): boolean {
    return !this.isOver && this.shards.some(({ isSuspended }) => !isSuspended);
  }

  /** A new connection finds a shard that answers. */
  get takesConnections(): boolean {
    return (
      !this.isOver &&
      this.shards.some(
        ({ isSuspended, isBlocked }) => !isSuspended && !isBlocked,
      )
    );
  }

  get hasBlockedShard(): boolean {
    return this.shards.some(({ isBlocked }) => isBlocked);
  }

  get live(): readonly Member[] {
    return this.members.filter(({ outcome }) => outcome === undefined);
  }

  /** Live, on a shard that answers. */
  get reachable(): readonly Member[] {
    return this.live.filter(
      ({ shard }) => this.shards[shard]?.isBlocked === false,
    );
  }

  /** Reachable, and has not said its last word. */
  get speaking(): readonly Member[] {
    return this.reachable.filter(({ unheard }) => unheard === undefined);
  }

  open(path: string, shard: number): Member {
    const member: Member = {
      id: this.members.length,
      path,
      shard,
      habit: "answering",
      unheard: undefined,
      outcome: undefined,
    };
    this.members.push(member);
    this.accepted++;
    this.opened++;
    return member;
  }

  knock(): void {
    this.accepted++;
    this.upgrading++;
  }

  reject(): void {
    this.accepted++;
    this.outcomes.rejected++;
  }

  /** One that was upgrading never opens. */
  turnAway(count = 1): void {
    this.upgrading -= count;
    this.outcomes.rejected += count;
  }

  end(member: Member, outcome: Outcome, code = 1006): void {
    member.outcome = outcome;
    this.outcomes[outcome]++;
    this.closeCodes[code] = (this.closeCodes[code] ?? 0) + 1;
  }

  /** A client has said its last word: the server acts on it when it reads it. */
  conclude(member: Member, outcome: Outcome, code: number): void {
    if (member.habit === "stuck") member.unheard = { outcome, code };
    else this.end(member, outcome, code);
  }

  /** A client that was stuck reads again, and is read from. */
  relieve(member: Member): void {
    const { unheard } = member;
    member.habit = "answering";
    if (unheard !== undefined) this.end(member, unheard.outcome, unheard.code);
  }

  /** The server has told it to go, and has waited as long as it waits. */
  dismiss(member: Member, code: number): void {
    const outcome = whenClosed[member.habit];
    this.end(member, outcome, outcome === "forced" ? 1006 : code);
  }

  /** The thread of a shard is gone. */
  crash(shard: number): void {
    for (const member of this.live)
      if (member.shard === shard) this.end(member, "crashed");
    const state = this.shards[shard];
    if (state !== undefined)
      Object.assign(state, { isBlocked: false, isSuspended: false });
  }

  /** As the server is expected to tell it at this moment. */
  get ledger(): Ledger {
    const { accepted, upgrading, opened, outcomes } = this;
    return {
      movedIn: 0,
      movedOut: 0,
      plain: 0,
      probes: 0,
      requests: 0,
      answers: 0,
      accepted,
      upgrading,
      opened,
      live: this.live.length,
      outcomes: { ...outcomes },
    };
  }
}
