import { defineConfig } from "vitest/config";

/**
 * What mutation testing runs for each mutant of the server's own code: the unit
 * tests that hold a file alone, stories in the simulation, and random lives,
 * every time the same few.
 */
export default defineConfig({
  test: {
    include: [
      "test/unit/main/**/*.test.ts",
      "test/unit/topics/**/*.test.ts",
      "test/unit/workers/**/*.test.ts",
      "property-tests/simulation/**/*.test.ts",
    ],
    // They are about bytes, and slow where nothing is to be found for these files.
    exclude: ["**/*.property.test.ts", "test/unit/workers/handshake/**"],
    env: { SLUICE_PROPERTY_SEED: "1", SLUICE_PROPERTY_RUNS: "12" },
    testTimeout: 20_000,
  },
});
