import { describe, expect, it } from "vitest";

import {
  optionKeys,
  optionTable,
  renderOptionTable,
  resolveConfig,
  resolveOption,
} from "../../../src/config.ts";

describe("the option table", () => {
  it("has one row for every option, and no name twice", () => {
    expect(optionTable.map((row) => row.key)).toEqual(optionKeys);
    for (const name of ["key", "flag", "env"] as const) {
      const names = new Set(optionTable.map((row) => row[name]));
      expect(names.size).toBe(optionTable.length);
    }
  });

  it("leaves the unit out of a name where the value carries it", () => {
    const row = optionTable.find(({ key }) => key === "shutdownDeadlineMs");
    expect(row).toMatchObject({
      flag: "--shutdown-deadline",
      env: "SLUICE_SHUTDOWN_DEADLINE",
    });
  });

  it("keeps words in a name that are not its unit", () => {
    const names = optionTable.map((row) => row.env);
    expect(names).toContain("SLUICE_MAX_BYTES_PER_SECOND");
    expect(names).toContain("SLUICE_WORKER_HEAP_MB");
  });

  it.each(optionTable)("takes the default of $key", (row) => {
    const value = resolveOption(row, row.default, row.key);
    expect(value).toEqual(row.default);
  });

  it.each(optionTable.filter((row) => row.words !== undefined))(
    "takes every word of $key",
    ({ key, words = [] }) => {
      for (const word of words) {
        expect(resolveConfig({ [key]: word })).toHaveProperty(key, word);
      }
    },
  );

  it.each(optionTable.filter((row) => row.max !== undefined))(
    "takes the bounds of $key and nothing beyond them",
    (row) => {
      const { key, min = 0, max = 0 } = row;
      expect(resolveOption(row, min, key)).toBe(min);
      expect(resolveOption(row, max, key)).toBe(max);
      expect(() => resolveOption(row, min - 1, key)).toThrow(key);
      expect(() => resolveOption(row, max + 1, key)).toThrow(key);
    },
  );

  it("is rendered in markdown with a line for every option", () => {
    const lines = renderOptionTable().split("\n");
    expect(lines).toContain("**Shutdown**");
    expect(lines).toContain(
      "| `maxPayloadBytes` | `--max-payload` | 1MiB | one message, reassembled and decompressed |",
    );
    expect(lines).toContain(
      "| `workers` | `--workers` | one per core | shards, that is, worker threads |",
    );
    const rows = lines.filter((line) => line.startsWith("| `"));
    expect(rows).toHaveLength(optionTable.length);
  });
});
