import type { SluiceServer } from "../../index.ts";
import { Client } from "../scene-client.ts";
import {
  instanceAt,
  type OpenOptions,
  type Scene,
  type SceneCluster,
  type SceneInstance,
  type SceneShard,
} from "../scene.ts";
import { sentenceOf } from "../story.ts";
import { callOf, describeCall } from "../ask-options.ts";
import { askInspector } from "./ask-inspector.ts";
import { untilItHolds, untilOpen } from "../waits.ts";
import type { RealClient } from "./real-client.ts";
import type { Stage, StagedServer } from "./stage.ts";

/** What only a simulation can do. */
function refuse(what: string, why: string): never {
  throw new TypeError(
    `${what}: ${why}; it can be had in a simulation, not on real threads`,
  );
}

/** Makes a scene of a stage whose servers have started. */
export function makeRealScene(
  stage: Stage,
  { seed, patienceMs }: { seed: number; patienceMs: number },
): Scene {
  const begunAt = performance.now();
  const now = (): number => performance.now() - begunAt;
  const connect = (
    path: string,
    { instance = 0, ...options }: OpenOptions = {},
  ): RealClient =>
    stage.connect(instanceAt(stage.servers, instance), { path, ...options });
  const faceOf = (client: RealClient): Client =>
    new Client(client, stage, patienceMs);
  const instances = stage.servers.map((server) => sceneInstance(stage, server));
  const [first] = instances as [SceneInstance];
  return {
    server: first.server,
    get shards() {
      return first.shards;
    },
    get processes() {
      return first.processes;
    },
    inspect: first.inspect,
    instances,
    get cluster() {
      return refusedCluster(stage);
    },
    time: {
      get now() {
        return now();
      },
      advance: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
      until: (condition, withinMs = patienceMs) =>
        untilItHolds(stage, condition, withinMs),
      jump: () => refuse("time.jump()", "the clock is that of this machine"),
    },
    network: {
      hold: () => {
        stage.tell("the network stands still");
        stage.hold();
      },
      release: () => stage.release(),
    },
    story: stage.story,
    seed,
    connect: (path, options) => faceOf(connect(path, options)),
    open: async (path, options) => {
      const client = connect(path, options);
      await untilOpen(stage, client, patienceMs);
      return faceOf(client);
    },
    whenSettled: (promise, settled) => void promise.then(settled, settled),
    settle: () => stage.settle(patienceMs),
  };
}

function sceneInstance(stage: Stage, staged: StagedServer): SceneInstance {
  const { server } = staged;
  const shards = (): SceneShard[] =>
    server.stats().shards.map(({ shard }) => sceneShard(stage, staged, shard));
  return {
    server: told(stage, staged),
    get shards() {
      return shards();
    },
    get processes() {
      return [
        {
          pid: process.pid,
          isSuccessor: false,
          get shards() {
            return shards();
          },
          get isServing() {
            return server.state !== "terminated";
          },
          kill: () =>
            refuse("kill()", "the process is the one that runs this test"),
        },
      ];
    },
    inspect: (path, options) => {
      const call = callOf(path, options);
      const place = stage.servers.indexOf(staged) + 1;
      stage.tell(describeCall(call, `server ${place}`));
      return askInspector(server.adminAddress, call);
    },
  };
}

function sceneShard(
  stage: Stage,
  { watch }: StagedServer,
  index: number,
): SceneShard {
  return {
    index,
    crash: (error = new Error("crashed on purpose")) => {
      stage.tell(`shard ${index} crashes`);
      watch.order({ kind: "crash", shard: index, error });
    },
    block: (ms) => {
      stage.tell(`shard ${index} is blocked for ${ms} ms`);
      watch.order({ kind: "block", shard: index, ms });
    },
  };
}

/** The server, whose operator is part of the story. */
function told(stage: Stage, staged: StagedServer): SluiceServer {
  const { server } = staged;
  const place = stage.servers.indexOf(staged) + 1;
  const whose = stage.servers.length > 1 ? ` of server ${place}` : "";
  return new Proxy(server, {
    get(_target, key) {
      const value: unknown = Reflect.get(server, key, server);
      if (typeof value !== "function") return value;
      return (...given: unknown[]) => {
        const sentence = sentenceOf(whose, key, given);
        if (sentence !== undefined) stage.tell(sentence);
        if (key === "upgrade")
          return refuse(
            "upgrade()",
            "it starts the command line of this process again, which is that of the test runner",
          );
        const result: unknown = Reflect.apply(value, server, given);
        // Who never asks how it went need not catch it.
        if (result instanceof Promise) result.catch(() => {});
        return result;
      };
    },
  });
}

function refusedCluster({ servers }: Stage): SceneCluster {
  if (servers.length < 2)
    throw new TypeError(
      "cluster: there is one instance only; perform with { instances: 2, nats } or more",
    );
  const no = (what: string) => (): never =>
    refuse(`cluster.${what}()`, "a real NATS is not in the hands of this test");
  return {
    cut: no("cut"),
    heal: no("heal"),
    lose: no("lose"),
    delay: no("delay"),
    restart: no("restart"),
  };
}
