import { defineHandlers } from "sluice";

interface Session {
  readonly user: string;
}

/** Yours: the store that your pages use. */
const sessions = new Map<string, Session>([["s-42", { user: "ann" }]]);
const load = async (id: string): Promise<Session | undefined> =>
  sessions.get(id);

/** The browser sends cookies along, also those that scripts cannot read. */
function cookieOf(header: string | undefined, wanted: string): string {
  for (const pair of (header ?? "").split(";")) {
    const [name = "", ...value] = pair.split("=");
    if (name.trim() === wanted) return value.join("=").trim();
  }
  return "";
}

export default defineHandlers<Session>({
  // Pages of other origins are refused before this is asked (`origins`), so
  // that none of them can speak in the name of who is logged in.
  async authorize({ headers }) {
    const session = await load(cookieOf(headers["cookie"], "session"));
    return session === undefined
      ? { accept: false, status: 401 }
      : { accept: true, data: session };
  },
  message(connection) {
    connection.send(`you are ${connection.data.user}`);
  },
});
