import type { Refusal } from "../src/admin/api.ts";

/** A call that the server refused, with its reason. */
export class Refused extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** Reads JSON. @throws Refused, or TypeError when the server cannot be reached. */
export function read<Answer>(
  path: string,
  signal?: AbortSignal,
): Promise<Answer> {
  return call<Answer>(path, signal === undefined ? {} : { signal });
}

/** Has the server do something. @throws Refused, or TypeError. */
export function act(path: string, body: object = {}): Promise<unknown> {
  return call(path, { method: "POST", body: JSON.stringify(body) });
}

async function call<Answer>(path: string, init: RequestInit): Promise<Answer> {
  const response = await fetch(path, {
    ...init,
    headers: { "Sluice-Request": "page" },
  });
  if (response.ok) return (await response.json()) as Answer;
  // The session has ended, as it does when the server was started again: sign in.
  if (response.status === 401) location.reload();
  const { error } = (await response
    .json()
    .catch(() => ({ error: response.statusText }))) as Refusal;
  throw new Refused(response.status, error);
}

/** What went wrong, for people. */
export function explain(error: unknown): string {
  if (error instanceof Refused) return error.message;
  return "The server cannot be reached.";
}
