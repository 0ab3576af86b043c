import type { Call } from "./call.ts";

export type Handle = (call: Call) => void | Promise<void>;

/** `GET /api/connections/:id` and what answers it. */
export type Routes = Readonly<Record<string, Handle>>;

interface Route {
  readonly method: string;
  readonly segments: readonly string[];
  readonly handle: Handle;
}

/** Finds what answers a call. */
export class Router {
  readonly #routes: readonly Route[];

  constructor(routes: Routes) {
    this.#routes = Object.entries(routes).map(([key, handle]) => {
      const [method, path] = key.split(" ") as [string, string];
      return { method, segments: path.split("/"), handle };
    });
  }

  /** Answers a call, also when nothing is there. */
  async answer(call: Call): Promise<void> {
    const segments = call.path.split("/");
    const method = call.method === "HEAD" ? "GET" : call.method;
    const allowed: string[] = [];
    for (const route of this.#routes) {
      const params = match(route.segments, segments);
      if (params === undefined) continue;
      if (route.method !== method) {
        allowed.push(route.method);
        continue;
      }
      call.params = params;
      await route.handle(call);
      return;
    }
    if (allowed.length === 0) call.refuse(404, "there is nothing at this path");
    else
      call.refuse(405, `this path takes ${allowed.join(", ")}`, {
        Allow: allowed.join(", "),
      });
  }
}

function match(
  pattern: readonly string[],
  segments: readonly string[],
): Record<string, string> | undefined {
  if (pattern.length !== segments.length) return undefined;
  const params: Record<string, string> = {};
  for (const [at, part] of pattern.entries()) {
    const segment = segments[at] as string;
    if (part.startsWith(":") && segment !== "") params[part.slice(1)] = segment;
    else if (part !== segment) return undefined;
  }
  return params;
}
