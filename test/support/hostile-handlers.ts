import { defineHandlers } from "../../src/index.ts";

/** Values that cannot be turned into text, or cloned, or read without a trap going off. */
const values: Readonly<Record<string, () => unknown>> = {
  bare: () => Object.create(null),
  groups: () => /(?<word>\w+)/.exec("said")?.groups,
  textless: () => ({
    toString() {
      throw new Error("no text");
    },
  }),
  unclonable: () =>
    Object.assign(new Error("not to be cloned"), { message: () => {} }),
  getter: () =>
    Object.defineProperty(new Error("a trap"), "message", {
      get() {
        throw new Error("trapped");
      },
    }),
  proxy: () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    return proxy;
  },
  nothing: () => undefined,
  caused: () =>
    new Error("outside", {
      cause: Object.assign(new Error("inside"), { code: "EINSIDE" }),
    }),
};

/** The names of the values that hooks can be made to throw. */
export const VALUES = Object.keys(values);

/**
 * Handlers whose hooks fail as the path says: `/<hook>/<value>/<throw|reject|then>`,
 * where `then` returns a promise of its own make, whose `then` is the trap.
 * `/late/<value>` throws where nobody can catch it. Everybody else gets an echo.
 */
export default defineHandlers({
  authorize: ({ path }) => fail("authorize", path) as undefined,
  opened: ({ request }) => fail("opened", request.path) as undefined,
  message(connection, data) {
    const [, hook, value = ""] = connection.request.path.split("/");
    if (hook === "late")
      setTimeout(() => {
        throw values[value]?.();
      });
    const work = fail("message", connection.request.path);
    if (work === undefined) connection.send(data.toString());
    return work as undefined;
  },
  draining: ({ request }) => fail("draining", request.path) as undefined,
  closed: ({ request }) => fail("closed", request.path) as undefined,
});

function fail(here: string, path: string): unknown {
  const [, hook, value = "", how] = path.split("/");
  if (hook !== here) return undefined;
  const thrown = values[value]?.();
  if (how === "throw") throw thrown;
  if (how === "reject") return Promise.reject(thrown);
  return new Proxy(
    {},
    {
      has: () => true,
      get() {
        throw thrown;
      },
    },
  );
}
