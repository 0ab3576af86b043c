import { defineConfig } from "vitest/config";

/** Tests that use real threads and sockets run one file after the other: two would measure each other. */
const real = [
  "test/real/connections/**/*.test.ts",
  "test/real/conformance/**/*.test.ts",
  "test/real/clients/**/*.test.ts",
  "test/real/examples/**/*.test.ts",
  "test/real/package/**/*.test.ts",
  "test/real/admin/**/*.test.ts",
  "test/real/handover/**/*.test.ts",
  "test/real/page/**/*.test.ts",
  "property-tests/{server,http,frames,moving,histories}/**/*.test.ts",
];

export default defineConfig({
  test: {
    pool: "forks",
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: ["test/**/*.test.ts", "property-tests/**/*.test.ts"],
          exclude: real,
          // Laws over thousands of runs take long where the cores are shared.
          testTimeout: 30_000,
        },
      },
      {
        extends: true,
        test: {
          name: "real",
          include: real,
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 60_000,
          sequence: { groupOrder: 1 },
        },
      },
    ],
    coverage: {
      provider: "v8",
      include: ["src/**/*.ts"],
      reporter: ["text-summary", "html"],
    },
  },
});
