/** What the tests serve, without what `opened` does: whoever is connected can move. */
import { defineHandlers } from "../src/index.ts";
import service from "../test/support/service.ts";

const hooks = { ...service };
Reflect.deleteProperty(hooks, "opened");

export default defineHandlers(hooks);
