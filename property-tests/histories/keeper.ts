import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { until } from "../../test/support/within.ts";

/** `prctl`, which Perl calls by its number. */
const PRCTL: Partial<Record<NodeJS.Architecture, number>> = {
  x64: 157,
  arm64: 167,
};

/**
 * Adopts every process that one of its own leaves behind (PR_SET_CHILD_SUBREAPER),
 * tells how each has ended, and ends when there is none left. Node cannot do
 * this: a process whose parent is gone would be nobody's, and its status unseen.
 */
const KEEPER = String.raw`
  use Fcntl;
  my $prctl = shift;
  syscall($prctl, 36, 1, 0, 0, 0) == 0 or die "prctl: $!";
  open(my $out, ">&=", 3) or die "no descriptor 3: $!";
  fcntl($out, F_SETFD, FD_CLOEXEC);
  $out->autoflush(1);
  my $first = fork();
  if ($first == 0) { exec { $ARGV[0] } @ARGV or die "exec: $!" }
  print $out "started $first\n";
  while ((my $pid = wait()) > 0) {
    print $out "ended $pid " . ($? >> 8) . " " . ($? & 127) . "\n";
  }
`;

/** How a process has ended. */
export interface ProcessEnd {
  readonly pid: number;
  readonly status: number;
  /** The number of the signal that ended it; 0 without one. */
  readonly signal: number;
}

/** A process, and all that come from it, to the last. */
export class Keeper {
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Those that have ended, in order. */
  readonly ends: ProcessEnd[] = [];
  /** Resolves when none is left. */
  readonly deserted: Promise<void>;
  readonly #child: ChildProcess;
  #isDeserted = false;
  #first: number | undefined;

  constructor(command: readonly string[], env: NodeJS.ProcessEnv) {
    const prctl = PRCTL[process.arch];
    if (prctl === undefined)
      throw new Error(`no number of prctl is known for ${process.arch}`);
    this.#child = spawn(
      "perl",
      ["-MIO::Handle", "-e", KEEPER, String(prctl), ...command],
      {
        stdio: ["ignore", "pipe", "pipe", "pipe"],
        env,
        // A group of its own: all of them can be ended, known or not.
        detached: true,
      },
    );
    const [, stdout, stderr, told] = this.#child.stdio;
    this.stdout = stdout as Readable;
    this.stderr = stderr as Readable;
    createInterface({ input: told as Readable }).on("line", (line) =>
      this.#hear(line),
    );
    this.deserted = once(this.#child, "close").then(() => {
      this.#isDeserted = true;
    });
  }

  get isDeserted(): boolean {
    return this.#isDeserted;
  }

  /** The number of the first process. */
  async first(): Promise<number> {
    return await until("the first process is there", () => this.#first);
  }

  endOf(pid: number): ProcessEnd | undefined {
    return this.ends.find((end) => end.pid === pid);
  }

  /** Ends whatever is left of them. */
  async dispose(): Promise<void> {
    if (!this.#isDeserted && this.#child.pid !== undefined) {
      try {
        process.kill(-this.#child.pid, "SIGKILL");
      } catch {
        // The last has just ended.
      }
    }
    await this.deserted;
  }

  #hear(line: string): void {
    const [what, ...numbers] = line.split(" ");
    const [pid = 0, status = 0, signal = 0] = numbers.map(Number);
    if (what === "started") this.#first = pid;
    else this.ends.push({ pid, status, signal });
  }
}
