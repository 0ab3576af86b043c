import { defineConfig } from "vitest/config";

/** The machines' tests alone: what mutation testing runs for each mutant. */
export default defineConfig({
  root: new URL("../..", import.meta.url).pathname,
  test: {
    include: [
      "property-tests/machines/**/*.test.ts",
      "test/machines/**/*.test.ts",
    ],
  },
});
