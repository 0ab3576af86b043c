import { aside } from "../main/aside.ts";
import { randomBytes } from "node:crypto";
import { channel, subscribe, unsubscribe } from "node:diagnostics_channel";
import { readFileSync } from "node:fs";
import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import { channels } from "../protocol/channels.ts";
import type { InspectionShardMessage } from "../protocol/messages.ts";
import {
  actionRoutes,
  connectionOf,
  describeFailure,
  idOf,
} from "./action-routes.ts";
import type { EndReport, Status } from "./api.ts";
import { Call } from "./call.ts";
import { listConnections, listFields } from "./connections.ts";
import { DrainLog } from "./drains.ts";
import { EventLog } from "./event-log.ts";
import { openFeed } from "./feed.ts";
import { Following } from "./following.ts";
import { Guard } from "./guard.ts";
import { InspectRequests } from "./inspect-requests.ts";
import {
  type AdminListener,
  type CreateAdminListener,
  DEFAULT_PORT,
} from "./listen.ts";
import type {
  AdminAddress,
  ListeningAdmin,
  PassedAdmin,
  Inspector,
} from "../main/inspector.ts";
import { StatusPoller } from "./status-poller.ts";
import { readMachine } from "./machine.ts";
import { MetricText } from "./metric-text.ts";
import { createMetrics } from "./metrics.ts";
import { pagePaths, sendPage } from "./page.ts";
import { plain, Router, type Routes, unread } from "./router.ts";
import { SocketRoom } from "./socket-room.ts";
import { askForToken, signIn, signInStyle } from "./session.ts";
import { type Identity, readStatus } from "./status.ts";
import { Streams } from "./streams.ts";
import type { InspectedServer } from "./inspected-server.ts";
import { listTopics, topicFields } from "./topics.ts";

const MAX_SOCKETS = 256;
const MAX_HEADER_BYTES = 16 * 1024;
const REQUEST_DEADLINE_MS = 10_000;
/** How often Node looks for requests that are late; its own default is 30 s. */
const LOOK_FOR_LATE_MS = 1_000;
/** What readers may take to get the last word before their sockets are cut. */
const LAST_WORD_MS = 100;

/** The admin listener: the page, the API and the metrics, all of them off the data path. */
export class Admin implements Inspector {
  readonly #server: InspectedServer;
  readonly #identity: Identity;
  readonly #http: Server;
  readonly #listener: AdminListener;
  readonly #guard: Guard;
  readonly #room = new SocketRoom(MAX_SOCKETS);
  readonly #requests = new InspectRequests();
  readonly #streams = new Streams();
  readonly #drains = new DrainLog(() => this.#poller.hurry());
  readonly #poller: StatusPoller;
  readonly #events = new EventLog((happening) => this.#poller.tell(happening));
  readonly #following: Following;
  readonly #router: Router;
  readonly #stopFeed: () => void;
  /** Another process listens. */
  #isPassedOn = false;
  readonly #onServerEvent = (): void => this.#poller.hurry();
  #address: AdminAddress;

  /**
   * Opens the listener.
   *
   * @param createListener - What it listens with.
   * @param inherited - The listening socket of another process, to go on with.
   * @throws SluiceError `ERR_SLUICE_ADMIN` when it cannot listen, or when a
   *   feed is asked for and `@statelyai/inspect` is not installed.
   */
  static async open(
    server: InspectedServer,
    createListener: CreateAdminListener,
    inherited?: ListeningAdmin,
  ): Promise<Admin> {
    const instance = randomBytes(4).toString("hex");
    const { adminFeed, adminHost, adminPort } = server.config;
    const feed =
      adminFeed === undefined ? undefined : await openFeed(adminFeed, instance);
    const admin = new Admin(server, { createListener, instance, feed });
    try {
      const port = await (inherited === undefined
        ? admin.#listener.listen(adminHost, adminPort)
        : admin.#listener.takeOver(inherited));
      admin.#address = { host: adminHost, port };
    } catch (error) {
      feed?.stop();
      throw error;
    }
    admin.#events.start();
    admin.#poller.start();
    admin.#announce();
    subscribe(channels.server, admin.#onServerEvent);
    return admin;
  }

  private constructor(
    server: InspectedServer,
    {
      createListener,
      instance,
      feed,
    }: {
      readonly createListener: CreateAdminListener;
      readonly instance: string;
      readonly feed: Awaited<ReturnType<typeof openFeed>> | undefined;
    },
  ) {
    const { adminHost, adminToken, adminHosts } = server.config;
    this.#server = server;
    this.#identity = {
      version: readVersion(),
      instance,
      startedAt: Date.now(),
    };
    this.#address = { host: adminHost, port: 0 };
    this.#guard = new Guard({
      token: adminToken,
      hosts: [...adminHosts, adminHost.toLowerCase()],
    });
    this.#poller = new StatusPoller({
      server,
      streams: this.#streams,
      read: () => this.#status(undefined),
      happened: () => this.#events.all,
      tellShard: (shard, isWatched) => {
        this.#requests
          .ask<"watch">(shard, { type: "watch", isWatched })
          .catch(() => {
            // A shard that does not answer has no gauges to show.
          });
      },
    });
    this.#following = new Following({
      server,
      requests: this.#requests,
      streams: this.#streams,
      feed,
    });
    this.#stopFeed = () => feed?.stop();
    this.#router = new Router(this.#routes());
    this.#http = createServer(
      {
        maxHeaderSize: MAX_HEADER_BYTES,
        requestTimeout: REQUEST_DEADLINE_MS,
        headersTimeout: REQUEST_DEADLINE_MS,
        connectionsCheckingInterval: LOOK_FOR_LATE_MS,
      },
      (request, response) =>
        aside(
          this.#take(request, response),
          "answering a call of the inspector",
        ),
    );
    this.#http.on("connection", (socket) => this.#room.enter(socket));
    this.#listener = createListener(this.#http);
  }

  get address(): AdminAddress {
    return this.#address;
  }

  /**
   * The listening socket goes to the process that takes this one's place. Calls
   * under way are still answered here; whoever watches is let go, and finds
   * the other one.
   */
  passOn(): PassedAdmin | undefined {
    const { handle } = this.#listener;
    if (handle === undefined) return undefined;
    const close = (): void => {
      this.#isPassedOn = true;
      this.#listener.stop();
      this.#streams.endAll();
    };
    return { address: this.#address, handle, close };
  }

  // What the shards say.

  take(shard: number, message: InspectionShardMessage): void {
    switch (message.type) {
      case "inspected":
        return this.#requests.answered(message.id, message.result);
      case "followed":
        return this.#following.transition(message.transition, shard);
    }
  }

  shardLost(shard: number): void {
    this.#requests.forget(shard);
    this.#following.forget(shard);
  }

  /** The server has ended: whoever looks gets the report, then the listener closes. */
  async end(report: EndReport | undefined): Promise<void> {
    unsubscribe(channels.server, this.#onServerEvent);
    this.#events.stop();
    const status = this.#status(report);
    // The machine enters its last state as this is called.
    const server = { ...status.server, state: "terminated" };
    this.#poller.end({ ...status, server });
    this.#streams.endAll();
    this.#stopFeed();
    const cut = setTimeout(
      () => this.#http.closeAllConnections(),
      LAST_WORD_MS,
    );
    await this.#listener.close();
    clearTimeout(cut);
  }

  #routes(): Routes {
    const metrics = createMetrics(this.#server, this.#identity.version);
    return {
      ...Object.fromEntries(
        pagePaths.map((path) => [`GET ${path}`, unread(sendPage)]),
      ),
      "GET /healthz": unread((call) => call.json({ status: "ok" })),
      "GET /readyz": unread((call) => {
        const { ready, state } = this.#server;
        call.json({ ready, state }, ready ? 200 : 503);
      }),
      "GET /metrics": unread((call) => {
        this.#poller.scraped();
        call.send(200, MetricText.contentType, metrics.render());
      }),
      "GET /api/status": plain((call) => call.json(this.#status(undefined))),
      "GET /api/events": plain((call) => this.#poller.watch(call)),
      "GET /api/happenings": plain((call) => call.json(this.#events.all)),
      "GET /api/history": plain((call) =>
        call.json(this.#poller.history.samples),
      ),
      "GET /api/instances": plain(async (call) =>
        call.json(await this.#server.instances()),
      ),
      "GET /api/machine": plain(async (call) =>
        call.json(await readMachine(this.#server, this.#requests)),
      ),
      "GET /api/connections": {
        takes: listFields,
        handle: async (call, fields) =>
          call.json(
            await listConnections(this.#server, this.#requests, fields),
          ),
      },
      "GET /api/topics": {
        takes: topicFields,
        handle: async (call, fields) =>
          call.json(await listTopics(this.#server, this.#requests, fields)),
      },
      "GET /api/connections/:id": plain(async (call) =>
        call.json(await this.#following.find(connectionOf(call))),
      ),
      "GET /api/connections/:id/events": plain((call) =>
        this.#following.follow(connectionOf(call), call),
      ),
      "GET /api/drains/:id": plain((call) =>
        call.json(this.#drains.find(idOf(call))),
      ),
      ...actionRoutes(this.#server, this.#following, this.#drains),
    };
  }

  async #take(
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const call = new Call(request, response);
    // The next question is the other process's.
    if (this.#isPassedOn) response.setHeader("Connection", "close");
    try {
      await this.#answer(call);
    } catch (error) {
      if (response.headersSent || response.destroyed) return;
      const failure = describeFailure(error);
      if (failure === undefined) this.#publish("admin-failed", { error });
      call.refuse(
        failure?.status ?? 500,
        failure?.message ?? "the inspector failed",
      );
    }
  }

  async #answer(call: Call): Promise<void> {
    const { method, request, path } = call;
    const guarded = {
      method,
      headers: request.headers,
      localAddress: request.socket.localAddress,
    };
    const foreign = this.#guard.refuseForeign(guarded);
    if (foreign !== undefined)
      return call.refuse(foreign.status, foreign.message);
    if (this.#guard.asksForToken) {
      if (path === "/sign-in.css")
        return call.send(200, "text/css; charset=utf-8", signInStyle);
      if (path === "/session" && method === "POST")
        return signIn(call, this.#guard);
    }
    const stranger = this.#guard.refuseStranger(guarded);
    if (stranger === undefined) {
      this.#room.serve(request.socket, call.response);
      return this.#router.answer(call);
    }
    if (path === "/" && method === "GET") return askForToken(call);
    return call.refuse(stranger.status, stranger.message, {
      "WWW-Authenticate": 'Bearer realm="sluice"',
    });
  }

  #status(report: EndReport | undefined): Status {
    return readStatus(
      this.#server,
      this.#identity,
      this.#drains.statuses,
      report,
    );
  }

  #announce(): void {
    const { host, port } = this.#address;
    const url = `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
    const isElsewhere =
      this.#server.config.adminPort === "auto" && port !== DEFAULT_PORT;
    this.#publish("inspector", {
      url,
      ...(isElsewhere && { insteadOf: DEFAULT_PORT }),
    });
  }

  #publish(event: string, details: Record<string, unknown>): void {
    channel(channels.server).publish({ event, ...details });
  }
}

/** The package's version; its package.json is two folders up, from `src` and from `dist`. */
function readVersion(): string {
  const text = readFileSync(
    new URL("../../package.json", import.meta.url),
    "utf8",
  );
  return (JSON.parse(text) as { version: string }).version;
}
