import { connect } from "node:net";
import type { AnswerOfInspector } from "../ask-options.ts";
import {
  type InspectorCall,
  readAnswer,
  requestOf,
} from "../simulation/http-exchange.ts";

/**
 * Calls the inspector of a server, on a connection of its own.
 *
 * @param address - Of the inspector; `undefined` when it is off.
 * @throws Error when there is no answer
 */
export async function askInspector(
  address: { readonly host: string; readonly port: number } | undefined,
  call: InspectorCall,
): Promise<AnswerOfInspector> {
  const asked = `${call.method} ${call.path}`;
  if (address === undefined)
    throw new Error(
      `${asked} was not answered: the inspector is off; it is on with { server: { admin: true } }`,
    );
  const request = requestOf(call);
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const parts: Buffer[] = [];
  const socket = connect(address);
  socket.on("data", (part: Buffer) => parts.push(part));
  socket.once("error", reject);
  socket.once("close", () => resolve(Buffer.concat(parts)));
  if (call.breaksOff === true)
    socket.write(request.subarray(0, request.length / 2), () =>
      socket.resetAndDestroy(),
    );
  else socket.write(request);
  const leave =
    call.leaveAfterMs === undefined
      ? undefined
      : setTimeout(() => socket.destroy(), call.leaveAfterMs);
  const bytes = await promise;
  clearTimeout(leave);
  const answer = readAnswer(bytes, call.method);
  const isLeft = call.leaveAfterMs !== undefined;
  if (answer === undefined || !(answer.isWhole || isLeft))
    throw new Error(`${asked} was not answered`);
  const { status, headers, body } = answer;
  return { status, headers, text: body.toString() };
}
