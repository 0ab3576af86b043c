import type { ShutdownReport } from "../../src/index.ts";
import { demand } from "./operation.ts";
import type { Scene } from "./scene.ts";

/** A new version is tried with connections of the server's own, which end with this code; no speaker does. */
const PROBED = "1000";

/**
 * Holds the reports of all processes against each other, and against what those
 * who spoke have seen.
 *
 * @throws Error with what does not add up.
 */
export function addUp(scene: Scene): void {
  const { generations, killed, crashes, speakers, codes } = scene;
  const { ends, reports } = generations;
  for (const { pid, status, signal } of ends) {
    if (killed.has(pid)) continue;
    // A process in which a thread has died says so.
    const isSound = status === 0 || (status === 1 && crashes.has(pid));
    const isRefused = status !== 0 && !hasServed(scene, pid);
    demand(
      signal === 0 && (isSound || isRefused),
      `process ${pid} ended with status ${status}, signal ${signal}`,
    );
  }
  for (const report of reports)
    demand(
      report.balanced && report.deadlineHeld && report.shardsKilled === 0,
      `a report is not as it should be: ${JSON.stringify(report)}`,
    );
  // What a killed process knew is lost with it.
  if (killed.size > 0) return;
  const sum = (count: (report: ShutdownReport) => number): number =>
    reports.reduce((total, report) => total + count(report), 0);
  const equal = (what: string, left: number, right: number): void =>
    demand(left === right, `${what}: ${left}, not ${right}`);
  equal(
    "moved in",
    sum(({ movedIn }) => movedIn),
    sum(({ movedOut }) => movedOut),
  );
  equal(
    "outcomes",
    sum(({ outcomes: { rejected: _, ...rest } }) =>
      Object.values(rest).reduce((total, count) => total + count, 0),
    ),
    sum(({ opened }) => opened),
  );
  const opened = speakers.reduce((total, speaker) => total + speaker.opened, 0);
  const counted =
    sum((report) => report.opened) -
    sum(({ closeCodes }) => closeCodes[PROBED] ?? 0);
  // One that its thread's death has overtaken has not seen it: a client, or the
  // server's own that tries a version which is given up meanwhile.
  const areCrashed = reports.some(({ outcomes }) => outcomes.crashed > 0);
  if (crashes.size > 0 || areCrashed)
    demand(opened <= counted, `${opened} were opened, ${counted} were counted`);
  else {
    equal("opened", counted, opened);
    for (const [code, seen] of Object.entries(codes))
      equal(
        `ends with ${code}`,
        sum(({ closeCodes }) => closeCodes[code] ?? 0),
        seen,
      );
  }
}

/** It has handed out an answer, or begun to. */
function hasServed({ generations }: Scene, pid: number): boolean {
  return generations.log.some(
    (line) => line.pid === pid && line.msg.startsWith("listening on"),
  );
}
