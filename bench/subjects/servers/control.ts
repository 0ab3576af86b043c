/**
 * How a rival's server talks to the benchmark: `listening PORT` on stdout, then
 * `collected` for each `collect` on stdin; it ends when stdin does, so that no
 * server outlives its benchmark. Runs under Node and Bun alike.
 */
import { createInterface } from "node:readline";
import type { SubjectOptions } from "../subject.ts";

/** The options that the benchmark gave, as this process's last argument. */
export function readOptions(): SubjectOptions {
  // Written by startRival, which has the same type.
  return JSON.parse(process.argv.at(-1) ?? "") as SubjectOptions;
}

/**
 * Announces the port and obeys the benchmark from then on.
 *
 * @param port - Where this server listens.
 * @param collect - Collects garbage in full, in all of its processes.
 */
export function announce(port: number, collect: () => void): void {
  console.log(`listening ${port}`);
  createInterface({ input: process.stdin })
    .on("line", (line) => {
      if (line !== "collect") return;
      collect();
      console.log("collected");
    })
    .on("close", () => process.exit(0));
}

/** A full collection under `node --expose-gc`; twice, for what finalizers free. */
export function collectNode(): void {
  globalThis.gc?.();
  globalThis.gc?.();
}
