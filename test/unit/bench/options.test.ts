import { describe, expect, it } from "vitest";
import { benchCases, selectCases } from "../../../bench/cases/index.ts";
import { parseOptions } from "../../../bench/options.ts";
import { targets } from "../../../bench/report/targets.ts";

describe("the benchmark's options", () => {
  it("measure everything and publish it when nothing is said", () => {
    expect(parseOptions([])).toMatchObject({
      mode: "measure",
      caseNames: [],
      servers: undefined,
      rounds: 3,
      publish: true,
    });
  });

  it("leave the docs alone when only a part is measured", () => {
    expect(parseOptions(["churn"]).publish).toBe(false);
    expect(parseOptions(["--quick"]).publish).toBe(false);
    expect(parseOptions(["--servers", "ws"]).publish).toBe(false);
    expect(parseOptions(["churn", "--publish"]).publish).toBe(true);
    expect(parseOptions(["--no-publish"]).publish).toBe(false);
  });

  it("take cases, servers, rounds and seconds", () => {
    const options = parseOptions([
      ...["echo-16", "churn", "--servers", "ws,sluice"],
      ...["--rounds", "5", "--seconds", "0.5"],
    ]);
    expect(options).toMatchObject({
      caseNames: ["echo-16", "churn"],
      servers: ["ws", "sluice"],
      rounds: 5,
      seconds: 0.5,
    });
  });

  it("refuse what is no number above 0", () => {
    expect(() => parseOptions(["--rounds", "0"])).toThrow(/--rounds/);
    expect(() => parseOptions(["--seconds", "soon"])).toThrow(/"soon"/);
    expect(() => parseOptions(["--unknown"])).toThrow(TypeError);
  });
});

describe("the cases", () => {
  it("are selected by name, in the order of the report", () => {
    const names = selectCases(["churn", "echo-1"]).map((one) => one.name);
    expect(names).toEqual(["echo-1", "churn"]);
    expect(() => selectCases(["nothing"])).toThrow(/echo-16/);
  });

  it("have unique names, and references that take part", () => {
    const names = benchCases.map((one) => one.name);
    expect(new Set(names).size).toBe(names.length);
    for (const { contenders } of benchCases) {
      const ids = contenders.map((one) => one.id);
      for (const { relativeTo } of contenders)
        expect(ids).toContain(relativeTo);
    }
  });

  it("measure whatever a target speaks of", () => {
    for (const { caseName, contender, metric } of targets) {
      const [benchCase] = selectCases([caseName]);
      expect(benchCase?.columns).toContain(metric);
      expect(benchCase?.contenders.map((one) => one.id)).toContain(contender);
    }
  });
});
