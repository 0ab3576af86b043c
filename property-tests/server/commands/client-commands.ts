import { frame } from "../../../src/testing/frame-codec.ts";
import { until } from "../../../test/support/within.ts";
import type { LedgerModel, Member } from "../ledger-model.ts";
import type { World } from "../world.ts";
import { OfMember, Settling } from "./command.ts";

const MOST_CONNECTIONS = 14;
/** More than the kernel takes for a peer that does not read. */
const FLOOD = { count: 256, bytes: 64 * 1024 };
const PUSH_PATH = `/push?count=${FLOOD.count}&bytes=${FLOOD.bytes}`;
/** `/gated` answers never: nobody opens the gate. */
const paths = ["/echo", "/slow?ms=150", "/gated", PUSH_PATH] as const;

const reading = (model: Readonly<LedgerModel>): readonly Member[] =>
  model.reachable.filter(({ habit }) => habit !== "stuck");

/** A client connects. */
export class Open extends Settling {
  readonly path: string;

  constructor(kind: number) {
    super();
    this.path = paths[kind % paths.length] as string;
  }

  check(model: Readonly<LedgerModel>): boolean {
    return model.takesConnections && model.live.length < MOST_CONNECTIONS;
  }

  protected async act(model: LedgerModel, world: World): Promise<void> {
    const { shard } = await world.open(model, this.path);
    if (model.shards[shard]?.isSuspended === true)
      throw new Error(`shard ${shard} was drained and got a connection`);
    if (model.shards[shard]?.isBlocked === true)
      throw new Error(`shard ${shard} is blocked and got a connection`);
  }

  toString(): string {
    return `a client opens ${this.path}`;
  }
}

/** A client connects while nobody listens. */
export class FindClosed extends Settling {
  check(model: Readonly<LedgerModel>): boolean {
    return !model.isListening;
  }

  protected async act(_model: LedgerModel, world: World): Promise<void> {
    if (await world.canConnect()) throw new Error("somebody listens");
  }

  toString(): string {
    return "a client finds nobody listening";
  }
}

/** A client sends half of its request. */
export class Knock extends Settling {
  check(model: Readonly<LedgerModel>): boolean {
    return model.takesConnections && model.upgrading < 3;
  }

  protected async act(model: LedgerModel, world: World): Promise<void> {
    await world.knock("GET /echo HTTP/1.1\r\nHost: sluice.test\r\nUpg");
    model.knock();
  }

  toString(): string {
    return "a client sends half a request";
  }
}

/** A client sends half of its request and goes. */
export class KnockAndRun extends Settling {
  check(model: Readonly<LedgerModel>): boolean {
    return model.takesConnections;
  }

  protected async act(model: LedgerModel, world: World): Promise<void> {
    const client = await world.knock("GET /echo HTTP/1.1\r\nHost:");
    const { accepted } = model;
    await until(
      "it is accepted",
      () => world.server.stats().ledger.accepted > accepted,
    );
    client.reset();
    model.reject();
  }

  toString(): string {
    return "a client sends half a request and resets";
  }
}

/** A client does not speak WebSocket. */
export class SpeakHttp extends Settling {
  check(model: Readonly<LedgerModel>): boolean {
    return model.takesConnections;
  }

  protected async act(model: LedgerModel, world: World): Promise<void> {
    const client = await world.knock(
      "GET / HTTP/1.1\r\nHost: sluice.test\r\n\r\n",
    );
    const { status } = await client.response();
    if (status !== 426) throw new Error(`answered with ${status}`);
    model.reject();
  }

  toString(): string {
    return "a client speaks plain HTTP";
  }
}

/** A client sends; where a reply is due, it comes. */
export class Send extends OfMember {
  protected able(model: Readonly<LedgerModel>): readonly Member[] {
    return reading(model).filter(({ path }) => path === "/echo");
  }

  protected async does(
    member: Member,
    _model: LedgerModel,
    world: World,
  ): Promise<void> {
    const client = world.clientOf(member);
    client.ask("a");
    client.ask("b");
    await client.answered();
  }

  toString(): string {
    return `client ${this.at} sends and gets its echoes`;
  }
}

/** A client sends, and its reply is owed while other things happen. */
export class SendSlow extends OfMember {
  protected able(model: Readonly<LedgerModel>): readonly Member[] {
    return reading(model).filter(({ path }) => path.startsWith("/slow"));
  }

  protected does(member: Member, _model: LedgerModel, world: World): void {
    world.clientOf(member).ask();
  }

  toString(): string {
    return `client ${this.at} asks for something slow`;
  }
}

/** A client sends to a handler that never returns. */
export class Hang extends OfMember {
  protected able(model: Readonly<LedgerModel>): readonly Member[] {
    return reading(model).filter(({ path }) => path === "/gated");
  }

  protected does(member: Member, _model: LedgerModel, world: World): void {
    world.clientOf(member).raw.send("never answered");
  }

  toString(): string {
    return `client ${this.at} asks a handler that never returns`;
  }
}

/** A client stops reading, and the server has more for it than goes. */
export class StopReading extends OfMember {
  protected able(model: Readonly<LedgerModel>): readonly Member[] {
    return reading(model).filter(({ path }) => path === PUSH_PATH);
  }

  protected async does(
    member: Member,
    _model: LedgerModel,
    world: World,
  ): Promise<void> {
    const client = world.clientOf(member);
    const before = congested(world);
    client.pause();
    client.raw.send("go");
    await until("it is congested", () => congested(world) > before);
    member.habit = "stuck";
  }

  toString(): string {
    return `client ${this.at} stops reading`;
  }
}

/** A client that was stuck reads on. */
export class ReadOn extends OfMember {
  protected able(model: Readonly<LedgerModel>): readonly Member[] {
    return model.reachable.filter(({ habit }) => habit === "stuck");
  }

  protected async does(
    member: Member,
    model: LedgerModel,
    world: World,
  ): Promise<void> {
    const client = world.clientOf(member);
    const before = congested(world);
    client.resume();
    await until("it is not congested", () => congested(world) < before);
    model.relieve(member);
  }

  toString(): string {
    return `client ${this.at} reads on`;
  }
}

/** A client stops answering close frames: it has vanished, for all that the server can know. */
export class Vanish extends OfMember {
  protected able(model: Readonly<LedgerModel>): readonly Member[] {
    return reading(model).filter(({ habit }) => habit === "answering");
  }

  protected does(member: Member): void {
    member.habit = "mute";
  }

  toString(): string {
    return `client ${this.at} vanishes`;
  }
}

/** A client ends its side of TCP without a word. */
export class HalfClose extends OfMember {
  protected able(model: Readonly<LedgerModel>): readonly Member[] {
    return reading(model);
  }

  protected does(member: Member, model: LedgerModel, world: World): void {
    world.clientOf(member).raw.socket.end();
    model.end(member, "lost");
  }

  toString(): string {
    return `client ${this.at} half-closes`;
  }
}

/** A client resets TCP. */
export class Reset extends OfMember {
  protected able(model: Readonly<LedgerModel>): readonly Member[] {
    return model.reachable;
  }

  protected does(member: Member, model: LedgerModel, world: World): void {
    world.clientOf(member).raw.reset();
    model.end(member, "lost");
  }

  toString(): string {
    return `client ${this.at} resets`;
  }
}

/** A client on a shard that is blocked resets TCP: nobody hears it. */
export class ResetUnheard extends OfMember {
  protected able(model: Readonly<LedgerModel>): readonly Member[] {
    return model.live.filter(
      ({ shard }) => model.shards[shard]?.isBlocked === true,
    );
  }

  protected does(member: Member, _model: LedgerModel, world: World): void {
    world.clientOf(member).raw.reset();
  }

  toString(): string {
    return `client ${this.at} of a blocked shard resets`;
  }
}

/** A client closes, as it should. */
export class Close extends OfMember {
  readonly code: number;

  constructor(at: number, code: number) {
    super(at);
    this.code = code;
  }

  protected able(model: Readonly<LedgerModel>): readonly Member[] {
    return model.speaking;
  }

  protected does(member: Member, model: LedgerModel, world: World): void {
    const client = world.clientOf(member);
    client.forgive();
    client.raw.sendClose(this.code);
    model.conclude(member, "clean", this.code);
  }

  toString(): string {
    return `client ${this.at} closes with ${this.code}`;
  }
}

/** A client breaks the protocol. */
export class BreakProtocol extends OfMember {
  protected able(model: Readonly<LedgerModel>): readonly Member[] {
    return model.speaking;
  }

  protected does(member: Member, model: LedgerModel, world: World): void {
    const client = world.clientOf(member);
    client.forgive();
    client.raw.write(frame(0x3, "reserved"));
    model.conclude(member, "unacknowledged", 1002);
  }

  toString(): string {
    return `client ${this.at} breaks the protocol`;
  }
}

function congested({ server }: World): number {
  return server.stats().states["open.congested"] ?? 0;
}
