import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

/** With real threads and sockets, files run one after the other: two would measure each other. */
const alone = {
  fileParallelism: false,
  testTimeout: 60_000,
  hookTimeout: 60_000,
};

/** What these wait for is mostly the starts of threads and processes and their deadlines, and nothing in them is measured. */
const TOGETHER = ["interplay", "handover", "options"].map(
  (folder) => `test/real/${folder}/*.test.ts`,
);

export default defineConfig({
  test: {
    pool: "forks",
    // Examples import the package by its name: here its sources are meant.
    alias: Object.fromEntries(
      [
        ["sluice/testing/fast-check", "testing/fast-check.ts"],
        ["sluice/testing/machines", "testing/machine-walks.ts"],
        ["sluice/testing", "testing/index.ts"],
        ["sluice", "index.ts"],
      ].map(([name, file]) => [
        name,
        fileURLToPath(new URL(`src/${file}`, import.meta.url)),
      ]),
    ),
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: ["test/unit/**/*.test.ts", "examples/**/*.test.ts"],
          // Of the project that `sluice init` writes, which is run as one.
          exclude: ["examples/starter/**"],
          // Properties over thousands of runs take long where the cores are shared.
          testTimeout: 30_000,
        },
      },
      {
        extends: true,
        test: {
          name: "real",
          include: ["test/real/**/*.test.ts"],
          exclude: TOGETHER,
          ...alone,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: "together",
          include: TOGETHER,
          ...alone,
          fileParallelism: true,
          maxWorkers: 2,
          sequence: { groupOrder: 2 },
        },
      },
      {
        extends: true,
        test: {
          name: "laws",
          include: ["property-tests/**/*.test.ts"],
          ...alone,
          sequence: { groupOrder: 3 },
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
