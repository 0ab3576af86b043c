/** What is done to a server that goes on with the processes it has. */
import { setTimeout as after } from "node:timers/promises";
import { until } from "../../test/support/within.ts";
import type { Standing } from "./generations.ts";
import {
  demand,
  type Effect,
  either,
  GOING_AWAY,
  immovable,
  INTERNAL_ERROR,
  onShard,
  Operation,
} from "./operation.ts";
import { nobody, type Scene } from "./scene.ts";
import { WORKERS } from "./generations.ts";
import type { Behaviour } from "./service.ts";
import { ABNORMAL } from "./speaker.ts";

/** Of a shard's connections, so many are the first to go to a new version. */
const FIRST_SHARE = 0.02;
/** A version is judged once so many have failed. */
const LEAST_FAILING = 2;
const PATIENCE_MS = 30_000;
/** Each death of a thread is answered with a longer pause before the next begins. */
const MOST_CRASHES = 2;

/** A shard of those that there are. */
function shardAt({ shards }: Standing, at: number): number {
  return shards[at % shards.length]?.shard ?? 0;
}

async function drained(scene: Scene, id: number): Promise<void> {
  await until(
    `drain ${id} is done`,
    async () => {
      const { body } = await scene.generations.ask("GET", `/api/drains/${id}`);
      return (JSON.parse(body) as { report?: unknown }).report !== undefined;
    },
    PATIENCE_MS,
  );
}

async function drain(scene: Scene, body: object): Promise<void> {
  const answer = await scene.act("/api/drain", body, 202);
  await drained(scene, (JSON.parse(answer.body) as { id: number }).id);
}

export class Reload extends Operation {
  readonly kind = "a new version is reloaded";

  async run(scene: Scene): Promise<Effect> {
    scene.generations.deploy("serves");
    await scene.act("/api/reload");
    return { permit: immovable };
  }
}

export class FailingReload extends Operation {
  readonly kind: string;
  readonly #behaviour: Behaviour;

  constructor(
    behaviour: "throws when it is loaded" | "throws on every message",
  ) {
    super();
    this.#behaviour = behaviour;
    this.kind = `a version that ${behaviour} is reloaded, and taken back`;
  }

  override isPossible({ circumstances }: Scene): boolean {
    // Where nobody can move, nobody speaks to it before it has taken over.
    return (
      this.#behaviour === "throws when it is loaded" || !circumstances.isSecure
    );
  }

  async run(scene: Scene): Promise<Effect> {
    const { generations, speakers } = scene;
    const since = generations.log.length;
    generations.deploy(this.#behaviour, "bad");
    const { status, body } = await generations.ask("POST", "/api/reload");
    generations.withdraw();
    const isAdopted =
      status === 200 && this.#behaviour === "throws on every message";
    demand(
      status === 422 || (isAdopted && hadTooLittleToSay(scene, since)),
      `a reload to be taken back came to ${status}: ${body}`,
    );
    if (isAdopted) await scene.act("/api/reload");
    // Where those who went first said too little in its time, the others follow.
    const gone =
      trialPassedAt(scene, since) === undefined
        ? WORKERS * Math.ceil(speakers.length * FIRST_SHARE)
        : speakers.length;
    const mostFailed = this.#behaviour === "throws on every message" ? gone : 0;
    return {
      permit: either(
        ({ canMove }, { code }) =>
          (canMove || isAdopted) && code === INTERNAL_ERROR,
        (speaker, end) => isAdopted && immovable(speaker, end),
      ),
      check: (seen) => {
        // Who comes back meanwhile is a newcomer, and fails there again.
        const failed = new Set(seen.map(({ speaker }) => speaker)).size;
        demand(
          failed <= mostFailed,
          `${failed} were closed by a version in its trial, at most ${mostFailed} were to go there`,
        );
      },
    };
  }
}

/** When a trial that began after a line of the log was passed, in milliseconds of the system's clock. */
function trialPassedAt(
  { generations }: Scene,
  since: number,
): number | undefined {
  const line = generations.log
    .slice(since)
    .find(({ event }) => event === "trial-passed");
  return line?.time;
}

/**
 * A machine that is busy with something else gives those who went first no time
 * to speak in a trial of 200 ms: what was not seen to fail was not judged.
 */
function hadTooLittleToSay(scene: Scene, since: number): boolean {
  const passedAt = trialPassedAt(scene, since) ?? 0;
  const failed = scene.speakers.filter(({ ends }) =>
    ends.some(({ code, at }) => code === INTERNAL_ERROR && at < passedAt),
  );
  return failed.length < LEAST_FAILING;
}

export class Rebalance extends Operation {
  readonly kind = "the shards are evened out";

  async run(scene: Scene): Promise<Effect> {
    await scene.act("/api/rebalance");
    return {
      permit: nobody,
    };
  }
}

export class MoveShard extends Operation {
  readonly kind = "a shard is emptied, and its connections move";
  readonly #at: number;

  constructor(at: number) {
    super();
    this.#at = at;
  }

  async run(scene: Scene): Promise<Effect> {
    const shard = shardAt(await scene.generations.standing(), this.#at);
    await drain(scene, { shard, move: true });
    return {
      permit: (speaker, end) =>
        immovable(speaker, end) && end.place?.shard === shard,
    };
  }

  override toString(): string {
    return `shard ${this.#at} is emptied, and its connections move`;
  }
}

export class DrainShard extends Operation {
  readonly kind = "a shard is drained, and resumed";
  readonly #at: number;

  constructor(at: number) {
    super();
    this.#at = at;
  }

  async run(scene: Scene): Promise<Effect> {
    const shard = shardAt(await scene.generations.standing(), this.#at);
    await drain(scene, { shard });
    await scene.act(`/api/shards/${shard}/resume`);
    return { permit: onShard(shard, GOING_AWAY) };
  }

  override toString(): string {
    return `shard ${this.#at} is drained, and resumed`;
  }
}

export class RestartShard extends Operation {
  readonly kind = "a shard is restarted";
  readonly #at: number;

  constructor(at: number) {
    super();
    this.#at = at;
  }

  async run(scene: Scene): Promise<Effect> {
    const before = await scene.generations.standing();
    const shard = shardAt(before, this.#at);
    await scene.act(`/api/shards/${shard}/restart`, {}, 202);
    await restarted(scene, before, shard);
    return { permit: onShard(shard, GOING_AWAY) };
  }

  override toString(): string {
    return `shard ${this.#at} is restarted`;
  }
}

export class CrashShard extends Operation {
  readonly kind = "a shard dies";
  readonly #at: number;

  constructor(at: number) {
    super();
    this.#at = at;
  }

  override isPossible({ crashes, generations }: Scene): boolean {
    return (crashes.get(generations.current) ?? 0) < MOST_CRASHES;
  }

  async run(scene: Scene): Promise<Effect> {
    const { generations, speakers, crashes } = scene;
    const before = await generations.standing();
    const victim = speakers[this.#at % speakers.length];
    const thread = victim?.place?.thread;
    const doomed = speakers.filter(({ place }) => place?.thread === thread);
    victim?.crash();
    const pid = generations.current;
    crashes.set(pid, (crashes.get(pid) ?? 0) + 1);
    await restarted(scene, before, victim?.place?.shard ?? 0);
    return {
      permit: (speaker, { code }) =>
        code === ABNORMAL && doomed.includes(speaker),
      check: (seen) =>
        demand(
          seen.length === doomed.length,
          `${doomed.length} were on the thread that died, ${seen.length} have ended`,
        ),
    };
  }

  override toString(): string {
    return `the shard of speaker ${this.#at} dies`;
  }
}

/** Waits until a thread has taken the place of another. */
async function restarted(
  { generations }: Scene,
  before: Standing,
  shard: number,
): Promise<void> {
  const restartsIn = ({ shards }: Standing): number =>
    shards.find((each) => each.shard === shard)?.restarts ?? 0;
  await until(
    `shard ${shard} has started again`,
    async () => restartsIn(await generations.standing()) > restartsIn(before),
    PATIENCE_MS,
  );
}

export class CallOff extends Operation {
  readonly kind = "a shutdown is called off";
  readonly #delayMs: number;

  constructor(delayMs: number) {
    super();
    this.#delayMs = delayMs;
  }

  async run(scene: Scene): Promise<Effect> {
    const { generations } = scene;
    await scene.act("/api/shutdown", {}, 202);
    await after(this.#delayMs);
    const { status } = await generations
      .ask("POST", "/api/shutdown/call-off")
      .catch(() => ({ status: 0 }));
    // Too late: it has ended, and another is started.
    if (status !== 200) await scene.generations.startAgain();
    return { permit: (_, { code }) => code === GOING_AWAY };
  }

  override toString(): string {
    return `a shutdown is called off after ${this.#delayMs} ms`;
  }
}

export class RenewCertificate extends Operation {
  readonly kind = "key, certificate and handlers are reloaded (SIGHUP)";

  override isPossible({ circumstances }: Scene): boolean {
    return circumstances.isSecure;
  }

  async run(scene: Scene): Promise<Effect> {
    const { generations } = scene;
    const meant = scene.renewCertificate();
    const since = generations.log.length;
    generations.signal(generations.current, "SIGHUP");
    await generations.logged(
      ({ event, channel }) => event === "reloaded" && channel === "sluice:tls",
      since,
      PATIENCE_MS,
    );
    await generations.logged(
      ({ event, channel }) =>
        event === "reloaded" && channel === "sluice:handover",
      since,
      PATIENCE_MS,
    );
    return {
      permit: immovable,
      check: (seen) => {
        demand(
          seen.length === scene.speakers.length,
          `${seen.length} were told to come back, not everyone`,
        );
        for (const { fingerprint, name } of scene.speakers)
          demand(
            fingerprint === meant,
            `speaker ${name} was shown ${fingerprint}, not ${meant}`,
          );
      },
    };
  }
}

export class LoseNats extends Operation {
  readonly kind = "NATS is lost";

  override isPossible({ nats, isNatsThere }: Scene): boolean {
    return nats !== undefined && isNatsThere;
  }

  async run(scene: Scene): Promise<Effect> {
    scene.isNatsThere = false;
    await scene.nats?.kill();
    return { permit: nobody };
  }
}

export class RegainNats extends Operation {
  readonly kind = "NATS is back";

  override isPossible({ nats, isNatsThere }: Scene): boolean {
    return nats !== undefined && !isNatsThere;
  }

  async run(scene: Scene): Promise<Effect> {
    await scene.nats?.restart();
    scene.isNatsThere = true;
    return { permit: nobody };
  }
}
