import { defineConfig } from "vitest/config";

/**
 * What mutation testing runs for each mutant: the machines' tests alone, every
 * time with the same few random walks.
 */
export default defineConfig({
  test: {
    include: [
      "property-tests/machines/**/*.test.ts",
      "test/unit/machines/**/*.test.ts",
    ],
    env: { SLUICE_PROPERTY_SEED: "1", SLUICE_PROPERTY_RUNS: "5" },
  },
});
