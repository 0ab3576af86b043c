import type * as FastCheck from "fast-check";

/** fast-check, which is the user's own. */
export const fc = await loadFastCheck();

async function loadFastCheck(): Promise<typeof FastCheck> {
  try {
    return await import("fast-check");
  } catch (cause) {
    if ((cause as { code?: string }).code !== "ERR_MODULE_NOT_FOUND")
      throw cause;
    throw new Error(
      "sluice/testing/fast-check draws its lives with fast-check, which is not installed here: npm install --save-dev fast-check (sluice/testing itself does without)",
      { cause },
    );
  }
}
