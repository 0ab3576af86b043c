/**
 * What the inspector never shows. Browsers cannot set headers on a WebSocket,
 * so clients put their tokens where they can: into cookies, subprotocols and
 * the query.
 */
const SECRET_NAME =
  /auth|cookie|token|secret|key|pass|pwd|session|sid$|credential|signature|^sig$|jwt|ticket|^code$|csrf|xsrf|sec-websocket-protocol/i;
/** A value as long as this is an identifier at best, and a token at worst. */
const LONGEST_SHOWN = 24;
const HIDDEN = "(hidden)";

/** A header field with its value, or with none when its name says that it is secret. */
export function hideSecretHeader([name, value]: readonly [
  string,
  string,
]): readonly [string, string] {
  if (SECRET_NAME.test(name)) return [name, HIDDEN];
  return [name, name === "referer" ? hideSecrets(value) : value];
}

/** A request target or URL; query values that are or may be secret are hidden. */
export function hideSecrets(target: string): string {
  const start = target.indexOf("?");
  if (start === -1) return withoutUser(target);
  const parameters = target.slice(start + 1).split("&");
  const shown = parameters.map((parameter) => {
    const [name, value] = split(parameter);
    const isSecret = SECRET_NAME.test(name) || value.length > LONGEST_SHOWN;
    return isSecret ? `${name.slice(0, LONGEST_SHOWN)}=${HIDDEN}` : parameter;
  });
  return `${withoutUser(target.slice(0, start))}?${shown.join("&")}`;
}

function split(parameter: string): [name: string, value: string] {
  const at = parameter.indexOf("=");
  // Without a name it may be a bare token.
  return at === -1
    ? ["", parameter]
    : [parameter.slice(0, at), parameter.slice(at + 1)];
}

/** `http://ann:secret@host/` names its user and password. */
function withoutUser(target: string): string {
  return target.replace(/^([a-z]+:\/\/)[^/@]*@/i, "$1");
}
