import { createHmac } from "node:crypto";

import { simulate } from "sluice/testing";
import { describe, expect, it } from "vitest";

const recipe = (name: string): URL =>
  new URL(`../../../examples/cookbook/${name}.ts`, import.meta.url);

/** When the wall clock of a simulation begins, in Unix seconds. */
const BEGIN = Date.UTC(2026, 0, 1) / 1000;

function token(claims: object, alg = "HS256"): string {
  const encode = (value: object): string =>
    Buffer.from(JSON.stringify(value)).toString("base64url");
  const signed = `${encode({ alg })}.${encode(claims)}`;
  const mark = createHmac("sha256", "only for trying it out");
  return `${signed}.${mark.update(signed).digest("base64url")}`;
}

describe("the cookbook", () => {
  it("lets in who has a token, until it expires", async () => {
    const handlers = recipe("jwt");
    await simulate({ handlers, shards: 2 }, async ({ open, server, time }) => {
      const exp = BEGIN + 60;
      const good = token({ sub: "ann", exp });
      const ann = await open("/", {
        headers: { Authorization: `Bearer ${good}` },
      });
      ann.send("hello");
      expect(await ann.next()).toBe("ann: hello");
      const bob = await open(`/?token=${token({ sub: "bob", exp })}`);
      const wrong = [
        "",
        `${good}x`,
        token({ sub: "eve", exp: BEGIN - 60 }),
        token({ sub: "eve", exp }, "none"),
      ];
      for (const bad of wrong)
        await expect(open(`/?token=${bad}`)).rejects.toThrow("was 401");
      await server.reload();
      await time.advance(61_000);
      for (const client of [ann, bob])
        expect(await client.closed()).toMatchObject({ code: 4001 });
    });
  });

  it("knows who has a session by the cookie", async () => {
    const handlers = recipe("session");
    await simulate({ handlers }, async ({ open }) => {
      const headers = { Cookie: "theme=dark; session=s-42" };
      const ann = await open("/", { headers });
      ann.send("who am I?");
      expect(await ann.next()).toBe("you are ann");
      const stranger = { Cookie: "session=s-43" };
      await expect(open("/", { headers: stranger })).rejects.toThrow("was 401");
    });
  });

  it("answers as much as is allowed, also after a move", async () => {
    const handlers = recipe("rate-limit");
    await simulate({ handlers, shards: 2 }, async ({ open, server, time }) => {
      const ann = await open("/");
      const answers = async (requests: number): Promise<readonly string[]> => {
        for (let count = 0; count < requests; count++) ann.send(`${count}`);
        const heard: string[] = [];
        while (heard.length < requests) heard.push(await ann.next());
        return heard.filter((text) => text.startsWith("done"));
      };
      expect(await answers(7)).toHaveLength(5);
      await time.advance(1_000);
      expect(await answers(7)).toHaveLength(2);
      // Which takes a second, in which it refills: to less than a new one has.
      await server.reload();
      expect((await answers(7)).length).toBeLessThan(5);
    });
  });

  it("tells everyone in a room how many they are", async () => {
    const handlers = recipe("presence");
    await simulate({ handlers, shards: 2 }, async ({ open }) => {
      const ann = await open("/lobby");
      expect(await ann.next()).toBe("c1 came, 1 here");
      const bob = await open("/lobby");
      for (const client of [ann, bob])
        expect(await client.next()).toBe("c2 came, 2 here");
      bob.close();
      expect(await ann.next()).toBe("c2 went, 1 here");
    });
  });

  it("keeps who is connected while the database is down, and refuses who comes", async () => {
    const handlers = recipe("database");
    await simulate({ handlers }, async ({ open }) => {
      const ann = await open("/?user=ann");
      ann.send("balance");
      expect(await ann.next()).toBe("balance of ann: 12");
      ann.send("pull the plug");
      expect(await ann.next()).toBe("not now, please ask again");
      await expect(open("/?user=bob")).rejects.toThrow("was 503");
      ann.send("balance");
      expect(await ann.next()).toBe("not now, please ask again");
    });
  });
});
