import { execFileSync } from "node:child_process";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NatsServer } from "../../test/real/cluster/nats-server.ts";
import { until } from "../../test/support/within.ts";
import { type Descriptors, descriptorsOf } from "./descriptors.ts";
import { type Answer, Generations, type Standing } from "./generations.ts";
import type { makeService } from "./service.ts";
import { type End, Speaker } from "./speaker.ts";

const SERVICE = new URL("service.ts", import.meta.url).href;
const SETTLING_MS = 30_000;
const OPENING_AT_ONCE = 50;
/** Each event loop may hold one in reserve, once it has listened. */
const MOST_SPARE_DESCRIPTORS = 8;

/** Under which circumstances a history is played. */
export interface Circumstances {
  /** Clients speak TLS; nobody can move then. */
  readonly isSecure: boolean;
  /** There is a NATS server. */
  readonly isClustered: boolean;
  readonly speakers: number;
  /** Of the speakers, those that compress: every other one with what was said before, and cannot move. */
  readonly compressing: number;
  /** Between two messages of a speaker. */
  readonly intervalMs: number;
  /** Flags besides. */
  readonly flags: readonly string[];
}

/** Who may end how while something happens. */
export type Permit = (speaker: Speaker, end: End) => boolean;

export const nobody: Permit = () => false;

/** An end that a speaker has seen. */
export interface Seen {
  readonly speaker: Speaker;
  readonly end: End;
}

/** What is there while a history is played: the processes, those who speak, NATS, a certificate. */
export class Scene {
  readonly circumstances: Circumstances;
  readonly generations: Generations;
  readonly nats: NatsServer | undefined;
  readonly speakers: Speaker[] = [];
  /** Ends that every speaker together has seen, by code. */
  readonly codes: Record<number, number> = {};
  /** Processes that were killed. */
  readonly killed = new Set<number>();
  /** Threads that were killed, by process. */
  readonly crashes = new Map<number, number>();
  isNatsThere: boolean;
  readonly #folder: string;
  #certificate = 0;
  /** Of a process at rest, without its connections. */
  #descriptors: Descriptors | undefined;
  #published = 0;

  private constructor(
    circumstances: Circumstances,
    folder: string,
    generations: Generations,
    nats: NatsServer | undefined,
  ) {
    this.circumstances = circumstances;
    this.#folder = folder;
    this.generations = generations;
    this.nats = nats;
    this.isNatsThere = nats !== undefined;
  }

  /** Starts everything; resolves when everyone speaks. */
  static async open(circumstances: Circumstances): Promise<Scene> {
    const { isSecure, isClustered, flags } = circumstances;
    const folder = mkdtempSync(join(tmpdir(), "sluice-scene-"));
    const args = [...flags, "--compression", "--context-takeover"];
    if (isSecure) {
      for (const name of [0, 1]) makeCertificate(folder, name);
      useCertificate(folder, 0);
      args.push(
        ...["--tls-key-file", join(folder, "key.pem")],
        ...["--tls-cert-file", join(folder, "cert.pem")],
      );
    }
    const nats = isClustered ? await NatsServer.launch() : undefined;
    if (nats !== undefined) args.push("--nats", nats.url);
    let scene: Scene | undefined;
    try {
      const generations = await Generations.start({ args, module: moduleOf });
      scene = new Scene(circumstances, folder, generations, nats);
      await scene.#gather();
      await scene.settle();
      return scene;
    } catch (error) {
      await scene?.dispose();
      await nats?.end();
      throw error;
    }
  }

  /** The next certificate is on disk; who connects once it was reloaded is shown this one. */
  renewCertificate(): string {
    this.#certificate = 1 - this.#certificate;
    useCertificate(this.#folder, this.#certificate);
    return this.fingerprint;
  }

  /** Of the certificate that is on disk. */
  get fingerprint(): string {
    const file = join(this.#folder, "cert.pem");
    const args = ["x509", "-in", file, "-noout", "-fingerprint", "-sha256"];
    const said = execFileSync("openssl", args, { encoding: "utf8" });
    return said.trim().split("=")[1] ?? "";
  }

  /**
   * Waits until all is quiet: everyone is there, and everything said so far is
   * answered by the version on disk; the admin listener and the metrics answer,
   * every shard serves, the ledger adds up; what is published reaches everyone;
   * no descriptor is left of what was.
   */
  async settle(): Promise<Standing> {
    const { generations, speakers } = this;
    await this.#until("everyone is there", () =>
      speakers.filter(({ isOpen }) => !isOpen).map(({ name }) => name),
    );
    const standing = await this.#serving();
    const marks = speakers.map((speaker) => {
      const mark = speaker.said;
      speaker.say();
      return { speaker, mark };
    });
    await this.#until("everyone is answered", () =>
      marks
        .filter(({ speaker, mark }) => !speaker.hasAnswerTo(mark))
        .map(({ speaker }) => `${speaker.name} (owed ${speaker.owed})`),
    );
    for (const { place, name } of speakers)
      if (
        place?.pid !== generations.current ||
        (generations.version ?? place.version) !== place.version
      )
        throw new Error(
          `speaker ${name} is served by ${JSON.stringify(place)}, not by ${generations.version ?? "any version"} in process ${generations.current}`,
        );
    await this.#spreadNews();
    await this.#inspect();
    this.complain();
    return standing;
  }

  /** @throws Error with whatever was wrong in what was heard. */
  complain(): void {
    const faults = this.speakers.flatMap(({ faults: own }) => own);
    if (faults.length > 0)
      throw new Error(
        `${faults.length} faults: ${faults.slice(0, 5).join("; ")}`,
      );
  }

  /**
   * Takes the ends that were seen since somebody last looked.
   *
   * @throws Error with those that were not permitted.
   */
  judge(permit: Permit): Seen[] {
    const seen = this.speakers.flatMap((speaker) =>
      speaker.ends.splice(0).map((end) => ({ speaker, end })),
    );
    for (const { end } of seen)
      this.codes[end.code] = (this.codes[end.code] ?? 0) + 1;
    const wrong = seen.filter(({ speaker, end }) => !permit(speaker, end));
    if (wrong.length > 0)
      throw new Error(
        `${wrong.length} ends that should not have been: ${wrong
          .slice(0, 5)
          .map(
            ({ speaker, end }) =>
              `speaker ${speaker.name}${speaker.canMove ? "" : ", who cannot move,"} got ${end.code} from ${JSON.stringify(end.place)}`,
          )
          .join("; ")}`,
      );
    return seen;
  }

  /** Everything said is answered or its connection is gone; nobody says more. */
  async dispose(): Promise<void> {
    await Promise.all(this.speakers.map((speaker) => speaker.leave()));
    await this.generations.dispose();
    await this.nats?.end();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** @throws Error with what the server said when it refused. */
  async act(path: string, body: object = {}, status = 200): Promise<Answer> {
    const answer = await this.generations.ask("POST", path, body);
    if (answer.status !== status)
      throw new Error(
        `POST ${path} was answered with ${answer.status}, not ${status}: ${answer.body}`,
      );
    return answer;
  }

  async #gather(): Promise<void> {
    const { speakers, compressing, intervalMs, isSecure } = this.circumstances;
    const manners = { port: this.generations.port, isSecure, intervalMs };
    while (this.speakers.length < speakers) {
      const name = this.speakers.length;
      const speaker = new Speaker(name, manners, name < compressing);
      this.speakers.push(speaker);
      speaker.begin();
      if (this.speakers.length % OPENING_AT_ONCE === 0)
        await this.#until("they are open", () =>
          this.speakers.filter(({ isOpen }) => !isOpen),
        );
    }
  }

  /** What the current process says of itself, once it is ready and at rest. */
  async #serving(): Promise<Standing> {
    const { generations, speakers } = this;
    let last: Standing | undefined;
    await this.#until("the process is at rest", async () => {
      const standing = await generations
        .ask("GET", "/api/status")
        .then(({ body }) => JSON.parse(body) as Standing)
        .catch(() => undefined);
      if (standing === undefined) return ["the admin listener is away"];
      last = standing;
      const { server, shards, ledger, handover, cluster } = standing;
      const { accepted, movedIn, movedOut, upgrading, opened, live } = ledger;
      const {
        rejected = 0,
        served = 0,
        cut = 0,
        ...outcomes
      } = ledger.outcomes;
      const ended = Object.values(outcomes).reduce((sum, n) => sum + n, 0);
      const wanting: readonly [string, boolean][] = [
        [`process ${server.pid} answers`, server.pid === generations.current],
        [`it is ${server.state}`, server.state.startsWith("listening")],
        ["it is not ready", server.ready],
        [
          `its shards are ${shards.map(({ state }) => state).join()}`,
          shards.every(({ state }) => state === "serving.accepting"),
        ],
        [`${live} are live, not ${speakers.length}`, live === speakers.length],
        [`${handover.inTransit} are in transit`, handover.inTransit === 0],
        [
          `the ledger does not add up: ${JSON.stringify(ledger)}`,
          accepted === rejected + served + cut + opened + upgrading &&
            opened + movedIn === live + movedOut + ended,
        ],
        [
          `the link is ${cluster?.state}`,
          (cluster?.state === "connected") === this.isNatsThere,
        ],
      ];
      return wanting.filter(([, holds]) => !holds).map(([what]) => what);
    });
    const { status } = await generations.call("GET", "/readyz");
    if (status !== 200) throw new Error(`/readyz answers ${status}`);
    const metrics = await generations.call("GET", "/metrics");
    const opened = /^sluice_connections_opened_total\b/m.test(metrics.body);
    if (metrics.status !== 200 || !opened)
      throw new Error(`/metrics answers ${metrics.status}: ${metrics.body}`);
    return last as Standing;
  }

  /** What one says to all reaches all, once. */
  async #spreadNews(): Promise<void> {
    const { speakers } = this;
    const number = this.#published++;
    const teller = speakers[number % speakers.length];
    teller?.tell(number);
    await this.#until("everyone has heard the news", () =>
      speakers
        .filter(
          (speaker) =>
            speaker !== teller &&
            speaker.heardOf(teller?.name ?? -1) !== number,
        )
        .map(({ name }) => name),
    );
  }

  /** Those of the connections, and as many others as there were. */
  async #inspect(): Promise<void> {
    const { generations, speakers } = this;
    await this.#until("no descriptor is left over", () => {
      const found = descriptorsOf(generations.current);
      const { tcp = 0, "/dev/null": spare = 0, ...others } = found;
      this.#descriptors ??= others;
      const meant = speakers.length + (this.isNatsThere ? 1 : 0);
      const wanting: [string, boolean][] = [
        [`${tcp} connections, not ${meant}`, tcp === meant],
        [`${spare} in reserve`, spare <= MOST_SPARE_DESCRIPTORS],
      ];
      const kinds = new Set([
        ...Object.keys(others),
        ...Object.keys(this.#descriptors),
      ]);
      for (const kind of kinds) {
        const [now = 0, before = 0] = [others[kind], this.#descriptors[kind]];
        wanting.push([`${now} of ${kind}, not ${before}`, now === before]);
      }
      return wanting.filter(([, holds]) => !holds).map(([what]) => what);
    });
  }

  /** Waits until nothing is wanting. @throws Error that names what is. */
  async #until(
    what: string,
    look: () => readonly unknown[] | Promise<readonly unknown[]>,
  ): Promise<void> {
    let wanting: readonly unknown[] = [];
    try {
      await until(
        what,
        async () => {
          wanting = await look();
          this.complain();
          return wanting.length === 0;
        },
        SETTLING_MS,
      );
    } catch (cause) {
      const list = wanting.slice(0, 10).map(String).join("; ");
      throw new Error(`${(cause as Error).message}: ${list}`, { cause });
    }
  }
}

/** The service as a deployment has it on disk. */
function moduleOf(...version: Parameters<typeof makeService>): string {
  return (
    `import { makeService } from ${JSON.stringify(SERVICE)};\n` +
    `export default makeService(...${JSON.stringify(version)});\n`
  );
}

function makeCertificate(folder: string, name: number): void {
  execFileSync(
    "openssl",
    [
      ...["req", "-x509", "-nodes", "-days", "1", "-subj", `/CN=${name}`],
      ...["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"],
      ...["-keyout", join(folder, `key-${name}.pem`)],
      ...["-out", join(folder, `cert-${name}.pem`)],
    ],
    { stdio: "ignore" },
  );
}

function useCertificate(folder: string, name: number): void {
  for (const kind of ["key", "cert"])
    copyFileSync(
      join(folder, `${kind}-${name}.pem`),
      join(folder, `${kind}.pem`),
    );
}
