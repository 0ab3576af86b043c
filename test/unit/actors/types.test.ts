/* oxlint-disable vitest/expect-expect -- the compiler expects */
import { describe, expectTypeOf, it } from "vitest";
import { setup } from "xstate";
import {
  type ClientEvent,
  connectionActions,
  type ConnectionFact,
  machineHandlers,
} from "../../../src/index.ts";

type Said = { readonly type: "hello"; readonly name: string };

const machine = setup({
  types: { events: {} as ConnectionFact | Said },
  actions: connectionActions,
}).createMachine({ id: "m" });

/** What follows is compiled: `tsc` fails where an error is expected and there is none. */
describe("the types of a machine's handlers", () => {
  it("let decode make what clients may say, and no fact of the connection", () => {
    expectTypeOf<ClientEvent<typeof machine>>().toEqualTypeOf<Said>();
    machineHandlers(machine, {
      decode: () => ({ type: "hello", name: "ann" }),
    });
    // @ts-expect-error -- the machine has no such event
    machineHandlers(machine, { decode: () => ({ type: "helo", name: "ann" }) });
    machineHandlers(machine, {
      // @ts-expect-error -- only the connection says so
      decode: () => ({ type: "opened" }),
    });
  });

  it("ask for the input that the machine needs", () => {
    const needy = setup({
      types: { events: {} as Said, input: {} as { readonly lot: string } },
    }).createMachine({ id: "m" });
    const decode = (): undefined => undefined;
    // @ts-expect-error -- where is the input?
    machineHandlers(needy, { decode });
    // @ts-expect-error -- that is none
    machineHandlers(needy, { decode, input: () => ({ lot: 1 }) });
    machineHandlers(needy, {
      decode,
      input: ({ request }) => ({ lot: request.path }),
    });
  });

  it("check what the connection's actions are given", () => {
    setup({
      types: { events: {} as Said },
      actions: connectionActions,
    }).createMachine({
      // @ts-expect-error -- there is nothing to send
      on: { hello: { actions: { type: "send", params: { topic: "t" } } } },
    });
    const strange = setup({
      types: { events: {} as Said },
      actions: { send: (_, _params: { words: string }) => {} },
    }).createMachine({ id: "m" });
    // @ts-expect-error -- its action `send` takes something else
    machineHandlers(strange, { decode: () => undefined });
  });

  it("check what the machine believes of the connection's facts", () => {
    const strange = setup({
      types: { events: {} as { type: "closed"; why: string } },
    }).createMachine({ id: "m" });
    // @ts-expect-error -- `closed` does not say why
    machineHandlers(strange, { decode: () => undefined });
  });

  it("know what authorize has found out", () => {
    machineHandlers(machine, {
      authorize: () => ({ accept: true, data: { user: "ann" } }),
      decode: (_data, _isBinary, connection) => {
        expectTypeOf(connection.data).toEqualTypeOf<{ user: string }>();
        return { type: "hello", name: connection.data.user };
      },
    });
  });
});
