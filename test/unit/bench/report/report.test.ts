import { describe, expect, it } from "vitest";
import { caseChart, targetChart } from "../../../../bench/report/chart.ts";
import {
  labelOf,
  metrics,
  significant,
} from "../../../../bench/report/metrics.ts";
import { renderPage } from "../../../../bench/report/page.ts";
import { mergeResults } from "../../../../bench/report/results.ts";
import { slowerThan } from "../../../../bench/report/slower.ts";
import { ratioTo, remark } from "../../../../bench/report/summary.ts";
import {
  caseTable,
  markdownTable,
  plainTable,
} from "../../../../bench/report/table.ts";
import { standings } from "../../../../bench/report/targets.ts";
import { caseResult, contender, results } from "./fixtures.ts";

const echo = caseResult("echo-1", [
  contender("sluice", [8, 16, 9]),
  contender("ws", [10, 20, 10]),
  contender("bun", [4, 8, 5]),
]);

describe("figures", () => {
  it("have three significant digits and a unit that fits", () => {
    expect(significant(0.0123)).toBe("0.012");
    expect(significant(12.345)).toBe("12.3");
    expect(significant(1234.5)).toBe("1235");
    expect(metrics.cpuMicros.format(1.5)).toBe("1.50 µs");
    expect(metrics.cpuMicros.format(2500)).toBe("2.50 ms");
    expect(metrics.serverShare.format(0.934)).toBe("93 %");
  });

  it("are named after the case's unit of work", () => {
    expect(labelOf("cpuMicros", "delivery")).toBe("CPU a delivery");
    expect(labelOf("unitsPerSecond", "delivery")).toBe("deliveries a second");
    expect(labelOf("unitsPerSecond", "message")).toBe("messages a second");
  });
});

describe("a case's table", () => {
  it("has medians, the spread of the figure of merit, and paired ratios", () => {
    const { head, rows } = caseTable(echo);
    expect(head).toEqual([
      "",
      "CPU a message",
      "lowest–highest",
      "ratio",
      "p99",
    ]);
    expect(rows[0]).toEqual([
      "the sluice",
      "9.00 µs",
      "8.00 µs – 16.0 µs",
      "0.800",
      "–",
    ]);
    expect(rows[1]?.[3]).toBe("1");
  });

  it("is the same as markdown and in columns", () => {
    const table = { head: ["", "b"], rows: [["long name", "1"]] };
    expect(markdownTable(table)).toBe(
      "|  | b |\n| --- | ---: |\n| long name | 1 |",
    );
    expect(plainTable(table)).toBe("           b\nlong name  1");
  });
});

describe("a ratio", () => {
  it("does not exist when either is missing", () => {
    expect(ratioTo(echo, "sluice", "nobody")).toBeUndefined();
    expect(ratioTo(echo, "sluice", "ws", "p99Micros")).toBeUndefined();
  });
});

describe("targets", () => {
  it("are met, met with the stretch, or missed, by the median ratio", () => {
    const verdictOf = (values: number[]): string | undefined =>
      standings([
        caseResult("echo-1", [
          contender("sluice", values),
          contender("ws", [10, 10]),
        ]),
      ])[0]?.verdict;
    expect(verdictOf([7, 7])).toBe("stretch met");
    expect(verdictOf([8.2, 8.2])).toBe("met");
    expect(verdictOf([9, 9])).toBe("missed");
  });

  it("that are absolute need no reference", () => {
    const lives = caseResult(
      "machine",
      [contender("sluice", [2.5], "lifeMicros")],
      ["lifeMicros"],
    );
    expect(standings([lives])).toMatchObject([{ value: 2.5, verdict: "met" }]);
  });

  it("may ask for at least", () => {
    const shut = caseResult(
      "shutdown",
      [contender("sluice", [0.99], "closeFrameShare")],
      ["closeFrameShare"],
    );
    expect(standings([shut])).toMatchObject([{ verdict: "missed" }]);
  });

  it("that nothing was measured for are left out", () => {
    expect(standings([])).toEqual([]);
  });
});

describe("what is still slower", () => {
  it("is listed with the factor and the reason", () => {
    expect(slowerThan([echo])).toMatchObject([
      {
        rivalTitle: "the bun",
        factor: 2,
        reason: expect.stringContaining("C++"),
      },
    ]);
  });
});

describe("remarks", () => {
  it("name the round that was disturbed or failed", () => {
    const disturbed = {
      ...contender("ws", []),
      rounds: [
        { metrics: {}, disturbed: ["somebody was here"] },
        { metrics: {}, disturbed: [], failed: "it fell over" },
      ],
    };
    expect(remark(disturbed)).toBe(
      "the ws: round 1 somebody was here; round 2 failed: it fell over",
    );
  });

  it("are not made where there is nothing to say", () => {
    expect(remark(contender("ws", [1]))).toBeUndefined();
  });
});

describe("a chart", () => {
  it("has a bar for each contender, as long as its median", () => {
    const svg = caseChart(echo) ?? "";
    const widths = [...svg.matchAll(/<rect [^>]*width="([\d.]+)"/g)].map(
      (match) => Number(match[1]),
    );
    expect(widths).toEqual([198, 220, 110]);
    expect(svg).toContain("the bun");
  });

  it("of the targets marks each where it is", () => {
    const svg = targetChart(standings([echo])) ?? "";
    expect(svg.match(/<rect /g)).toHaveLength(1);
    expect(svg).toMatch(/<line [^>]*x1="(\d+(?:\.\d)?)" x2="\1"/);
  });

  it("escapes what it shows", () => {
    const svg = caseChart(
      caseResult("x", [{ ...contender("ws", [1]), title: 'a<b & "c"' }]),
    );
    expect(svg).toContain("a&lt;b &amp; &quot;c&quot;");
  });

  it("is not drawn of nothing", () => {
    expect(caseChart(caseResult("x", []))).toBeUndefined();
  });
});

describe("the page", () => {
  it("says what stands in the way of each target that is missed", () => {
    const fanOut = caseResult("fanout", [
      contender("sluice", [8]),
      contender("ws", [10]),
    ]);
    const slow = caseResult("echo-16", [
      contender("sluice", [9]),
      contender("ws", [10]),
    ]);
    const { markdown } = renderPage(results([slow, fanOut]), "charts");
    expect(markdown).toContain(
      "- **one message to 10,000 connections, CPU a delivery**: each receiver takes one system call",
    );
    expect(markdown).toContain(
      "- **echo 64 B, 16 in flight, CPU a message**: not explained yet.",
    );
    const { markdown: met } = renderPage(results([echo]), "charts");
    expect(met).not.toContain("stands in the way");
  });

  it("shows every case with its chart, and ends with what is slower", () => {
    const { markdown, charts } = renderPage(results([echo]), "charts");
    expect([...charts.keys()]).toEqual(["echo-1.svg", "targets.svg"]);
    expect(markdown).toContain("![Case echo-1](charts/echo-1.svg)");
    expect(markdown).toContain("3 rounds on 2026-01-02.");
    const ending = markdown.slice(markdown.indexOf("## Still slower, and why"));
    expect(ending).toMatch(
      /^## [^\n]+\n\n- \*\*the bun\*\*: .+ Case echo-1 2\.00 ×\.\n/,
    );
  });

  it("is the same for the same results", () => {
    const page = renderPage(results([echo]), "charts");
    expect(renderPage(results([echo]), "charts")).toEqual(page);
  });
});

describe("results", () => {
  const order = ["echo-1", "churn"];
  const churn = caseResult("churn", [contender("ws", [300])]);

  it("take the place of earlier ones of the same case", () => {
    const old = results([caseResult("echo-1", []), churn]);
    const merged = mergeResults(old, results([echo]), order);
    expect(merged.cases).toEqual([echo, churn]);
  });

  it("stand alone when there were none", () => {
    expect(mergeResults(undefined, results([echo]), order).cases).toEqual([
      echo,
    ]);
  });

  it("of another machine do not mix", () => {
    const other = results([churn]);
    const elsewhere = { ...other, machine: { ...other.machine, cores: 64 } };
    expect(() => mergeResults(elsewhere, results([echo]), order)).toThrow(
      /another machine/,
    );
  });
});
