import { defineHandlers } from "../../../src/index.ts";

/** A service whose every message fails, in one place. */
export default defineHandlers({
  message() {
    throw new Error("it fails");
  },
});
