import { simulate } from "sluice/testing";
import { expect, it, vi } from "vitest";
import { pay } from "./database.ts";

vi.mock("./database.ts", () => ({
  pay: vi.fn<(what: string) => Promise<string>>(
    async (what) => `mocked ${what}`,
  ),
}));

it("has its database mocked", () =>
  simulate(
    { handlers: async () => (await import("./accounts.ts")).default },
    async ({ open }) => {
      const ann = await open("/");
      ann.send("ten");
      expect(await ann.next()).toBe("mocked ten");
      expect(pay).toHaveBeenCalledWith("ten");
    },
  ));
