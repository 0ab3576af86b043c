import { describe, expect, it } from "vitest";
import {
  parseCoreList,
  parseCores,
  parseProcessStat,
  parseSmapsRollup,
  processTree,
  readCpu,
} from "../../../../bench/measure/proc.ts";

const statFields =
  "S 4711 42 42 0 -1 4194304 900 0 0 0 150 50 7 9 20 0 11 0 1000 1 1";

describe("a process's stat line", () => {
  it("gives the parent and the CPU time of all threads", () => {
    expect(parseProcessStat(`42 (node) ${statFields}`)).toEqual({
      parentPid: 4711,
      cpuMicros: 2_000_000,
      kernelMicros: 500_000,
    });
  });

  it("is not confused by a name with spaces and parentheses", () => {
    const stat = parseProcessStat(`42 (a (b) c) ${statFields}`);
    expect(stat.parentPid).toBe(4711);
  });

  it("is refused when it is something else", () => {
    expect(() => parseProcessStat("nothing")).toThrow(SyntaxError);
  });
});

describe("the cores' lines", () => {
  it("give busy and stolen time for each core, without the sum of all", () => {
    const text = [
      "cpu  9 9 9 9 9 9 9 9 9 9",
      "cpu0 100 10 50 1000 77 5 5 30 0 0",
      "cpu1 1 0 1 2000 0 0 0 0 0 0",
      "intr 12345",
    ].join("\n");
    const cores = parseCores(text);
    expect([...cores.keys()]).toEqual([0, 1]);
    expect(cores.get(0)).toEqual({
      busyMicros: 1_700_000,
      stealMicros: 300_000,
    });
  });
});

describe("a list of cores", () => {
  it("may have ranges", () => {
    expect(parseCoreList("0-2,5\n")).toEqual([0, 1, 2, 5]);
  });

  it("is refused when it is something else", () => {
    expect(() => parseCoreList("all")).toThrow(SyntaxError);
  });
});

describe("smaps_rollup", () => {
  it("gives resident memory, and what was allocated of it", () => {
    const text = [
      "Rss:    2000 kB",
      "Pss:    1500 kB",
      "Pss_Anon:    800 kB",
      "Pss_File:    600 kB",
      "Pss_Shmem:   100 kB",
    ].join("\n");
    expect(parseSmapsRollup(text)).toEqual({
      rssBytes: 2000 * 1024,
      pssBytes: 900 * 1024,
    });
  });

  it("is refused when a line is missing", () => {
    expect(() => parseSmapsRollup("Rss: 1 kB")).toThrow(/Pss_Anon/);
  });
});

describe.runIf(process.platform === "linux")("this process", () => {
  it("is the root of its own tree", () => {
    expect(processTree(process.pid)).toContain(process.pid);
    expect(processTree(process.ppid)).toContain(process.pid);
  });

  it("has used some CPU, but not more than there was time for", () => {
    const { user, system } = process.cpuUsage();
    const { cpuMicros: micros, kernelMicros } = readCpu([process.pid]);
    expect(micros).toBeGreaterThan(0);
    expect(kernelMicros).toBeGreaterThanOrEqual(0);
    expect(kernelMicros).toBeLessThanOrEqual(micros);
    // Both clocks tick at their own pace: within 50 ms of each other.
    expect(Math.abs(micros - user - system)).toBeLessThan(50_000);
  });
});
