import { createHmac, timingSafeEqual } from "node:crypto";
import { defineHandlers } from "sluice";

const secret = process.env["JWT_SECRET"] ?? "only for trying it out";

interface Claims {
  readonly sub: string;
  /** Unix seconds. */
  readonly exp: number;
}

/** HS256 alone: a token that names another algorithm is none. */
function verify(token: string): Claims | undefined {
  const [head = "", body = "", mark = ""] = token.split(".");
  const signed = createHmac("sha256", secret).update(`${head}.${body}`);
  const [ours, theirs] = [signed.digest(), Buffer.from(mark, "base64url")];
  if (ours.length !== theirs.length || !timingSafeEqual(ours, theirs))
    return undefined;
  try {
    const parse = (part: string): unknown =>
      JSON.parse(Buffer.from(part, "base64url").toString());
    if ((parse(head) as { alg?: unknown }).alg !== "HS256") return undefined;
    const { sub, exp } = parse(body) as Partial<Claims>;
    if (typeof sub !== "string" || typeof exp !== "number") return undefined;
    return exp * 1000 > Date.now() ? { sub, exp } : undefined;
  } catch {
    return undefined;
  }
}

const timers = new Map<string, NodeJS.Timeout>();

export default defineHandlers<Claims>({
  // Programs send a header; a page cannot, and asks for `/?token=…`.
  authorize({ headers, url }) {
    const [, inHeader] =
      /^Bearer (.+)$/.exec(headers["authorization"] ?? "") ?? [];
    const inUrl = new URL(url, "ws://host").searchParams.get("token");
    const claims = verify(inHeader ?? inUrl ?? "");
    return claims === undefined
      ? { accept: false, status: 401 }
      : { accept: true, data: claims };
  },
  opened: closeWhenItExpires,
  resume: closeWhenItExpires,
  message(connection, data) {
    connection.send(`${connection.data.sub}: ${data.toString()}`);
  },
  // It goes to another thread or process, with its claims and without its timer.
  suspend(connection) {
    stopWaiting(connection);
    return connection.data;
  },
  closed: stopWaiting,
});

interface Held {
  readonly id: string;
  readonly data: Claims;
  close(code: number, reason: string): void;
}

function closeWhenItExpires(connection: Held): void {
  const leftMs = connection.data.exp * 1000 - Date.now();
  const expire = (): void => connection.close(4001, "token expired");
  // No timer waits longer than 24 days.
  timers.set(connection.id, setTimeout(expire, Math.min(leftMs, 2 ** 31 - 1)));
}

function stopWaiting({ id }: Held): void {
  clearTimeout(timers.get(id));
  timers.delete(id);
}
