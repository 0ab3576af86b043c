import { channel } from "node:diagnostics_channel";
import type { Config } from "../../config.ts";
import { channels } from "../../protocol/channels.ts";
import type { SocketHandle } from "../../protocol/socket-handle.ts";
import { Descriptors } from "../descriptors.ts";
import type { Fleet } from "../shards/fleet.ts";
import type {
  Listener,
  MainSurroundings,
  ServerAddress,
} from "../main-surroundings.ts";
import { Acceptor } from "./acceptor.ts";
import { AddressLimits } from "./address-limits.ts";
import { Comeback } from "./comeback.ts";

/** What comes from the process before: where it listens, and from where connections may still come. */
export interface InheritedIngress extends ServerAddress {
  /** The first number for a connection that no other process has used. */
  readonly firstNumber: number;
  /** Where connections that may still come were accepted. */
  readonly ports: readonly number[];
  /** The listening socket. */
  readonly handle: SocketHandle | undefined;
}

/** Another process that has what is accepted here. */
export interface Newcomers {
  /** @param number - Unique among the connections of both processes. */
  pass(number: number, socket: SocketHandle): void;
}

/** What the way in asks of the server. */
export interface IngressHost {
  readonly surroundings: MainSurroundings;
  readonly config: Config;
  readonly fleet: Fleet;
  /** Sockets may be accepted, if a shard takes them. */
  readonly lifecycle: { readonly mayListen: boolean };
  /** It may be another now: it cannot listen again, or can. */
  readonly readiness: { update(): void };
}

/** The way in: it listens while a shard takes connections, and gives each socket to one. */
export class Ingress {
  /** Of connections by address. */
  readonly limits: AddressLimits;
  readonly #host: IngressHost;
  readonly #descriptors: Descriptors;
  readonly #acceptor: Acceptor;
  readonly #listener: Listener;
  readonly #comeback: Comeback;
  /** Where the connections of the processes before were accepted. */
  #inheritedPorts: readonly number[] = [];
  /** Who has what is accepted here, if not this process. */
  #newcomers: Newcomers | undefined;

  constructor(host: IngressHost) {
    const { surroundings, config, fleet } = host;
    this.#host = host;
    this.limits = new AddressLimits(config);
    this.#descriptors = new Descriptors(
      config.workers,
      () => publish("descriptors-scarce", this.#describeDescriptors()),
      surroundings.descriptorLimit(),
    );
    this.#acceptor = new Acceptor(
      config,
      fleet,
      this.limits,
      this.#descriptors,
    );
    this.#listener = surroundings.createListener(
      config,
      (socket) => this.#arrive(socket),
      (error) => publish("accept-failed", { error }),
    );
    this.#comeback = new Comeback(
      this.#listener,
      () => this.#isWanted,
      () => host.readiness.update(),
    );
  }

  get address(): ServerAddress {
    return this.#listener.address;
  }

  /** Where its connections were accepted, those that came from other processes too. */
  get ports(): readonly number[] {
    return [...new Set([...this.#inheritedPorts, this.address.port])];
  }

  /** The listening socket, to be shared; `undefined` while it does not listen. */
  get handle(): SocketHandle | undefined {
    return this.#listener.handle;
  }

  /** It is to listen, and cannot. */
  get isFailing(): boolean {
    return this.#comeback.isFailing;
  }

  /** Sockets that no shard could take, and of these, those for which no descriptor was left. */
  get refused(): { readonly all: number; readonly forDescriptors: number } {
    const { refused: forDescriptors } = this.#descriptors;
    return { all: this.#acceptor.refused, forDescriptors };
  }

  /** The number of the next connection; unique in the process. */
  takeNumber(): number {
    return this.#acceptor.takeNumber();
  }

  /** Others may have given all numbers before this one. */
  numberFrom(first: number): void {
    this.#acceptor.numberFrom(first);
  }

  /** Numbers below this one belong to another process, and connections come from these ports. */
  inherit({
    firstNumber,
    ports,
  }: Pick<InheritedIngress, "firstNumber" | "ports">): void {
    this.#inheritedPorts = ports;
    this.#acceptor.numberFrom(firstNumber);
  }

  /** @throws SluiceError `ERR_SLUICE_LISTEN` when the address cannot be had. */
  async listen(inherited?: InheritedIngress): Promise<void> {
    const { host, port } = this.#host.config;
    const isSame =
      inherited !== undefined &&
      (port === 0 || port === inherited.port) &&
      host === inherited.host;
    const handle = isSame ? inherited.handle : undefined;
    if (handle === undefined) return this.#listener.listen();
    return this.#listener.takeOver({
      host,
      port: inherited?.port ?? port,
      handle,
    });
  }

  /** Sockets are accepted only while a shard takes them. */
  update(): void {
    if (!this.#host.lifecycle.mayListen) return;
    if (this.#isWanted) this.#comeback.begin();
    else this.suspend();
  }

  suspend(): void {
    this.#comeback.stop();
    this.#listener.suspend();
  }

  /** Another process has what is accepted from now on; `undefined`: this one again. */
  passTo(newcomers: Newcomers | undefined): void {
    this.#newcomers = newcomers;
  }

  /** Takes a socket that another process has accepted. */
  admit(socket: SocketHandle): void {
    this.#acceptor.accept(socket);
  }

  /** Says that it listens, and what may stand in the way of that. */
  announce(): void {
    const { config, fleet } = this.#host;
    const { address } = this;
    publish("listening", { address, workers: fleet.shards.length });
    const { maxConnections } = config;
    if (maxConnections > this.#descriptors.forClients)
      publish("descriptors-few", {
        maxConnections,
        ...this.#describeDescriptors(),
      });
  }

  #arrive(socket: SocketHandle): void {
    if (this.#newcomers === undefined) this.admit(socket);
    else this.#newcomers.pass(this.takeNumber(), socket);
  }

  get #isWanted(): boolean {
    return this.#host.fleet.shards.some(({ isAccepting }) => isAccepting);
  }

  #describeDescriptors(): Record<string, unknown> {
    const { limit, forClients, refused } = this.#descriptors;
    return { limit, forClients, refused };
  }
}

function publish(event: string, details: Record<string, unknown>): void {
  channel(channels.server).publish({ event, ...details });
}
