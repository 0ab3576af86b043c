import { defineConfig } from "vitest/config";

/** Tests that use real threads and sockets run one file after the other: two would measure each other. */
const real = [
  "test/real/**/*.test.ts",
  "property-tests/{server,http,frames,handover,histories}/**/*.test.ts",
];

export default defineConfig({
  test: {
    pool: "forks",
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: ["test/unit/**/*.test.ts", "property-tests/**/*.test.ts"],
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
