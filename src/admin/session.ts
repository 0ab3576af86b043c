import type { Call } from "./call.ts";
import type { Guard } from "./guard.ts";

/** Asks for the token. Plain HTML and a form: nothing of the inspector is given to whoever does not have it. */
export function askForToken(call: Call, wasWrong = false): void {
  const complaint = wasWrong
    ? `<p class="wrong" role="alert">That is not the token.</p>`
    : "";
  call.send(
    401,
    "text/html; charset=utf-8",
    `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sluice inspector: sign in</title>
<link rel="stylesheet" href="/sign-in.css">
<main>
<h1>Sluice inspector</h1>
<p>This server asks for its admin token.</p>
<form method="post" action="/session">
<label for="token">Token</label>
<input id="token" name="token" type="password" autocomplete="current-password" required autofocus>
${complaint}
<button>Sign in</button>
</form>
</main>
</html>
`,
    { "WWW-Authenticate": 'Bearer realm="sluice"' },
  );
}

/** Takes the token from the form and gives the browser a session for it. */
export async function signIn(call: Call, guard: Guard): Promise<void> {
  const form = new URLSearchParams(await call.text());
  if (!guard.isToken((form.get("token") ?? "").trim()))
    return askForToken(call, true);
  return call.send(303, "text/plain; charset=utf-8", "", {
    Location: "/",
    "Set-Cookie": guard.sessionCookie(),
  });
}

export const signInStyle = `:root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}
body{margin:0;min-height:100vh;display:grid;place-items:center;background:light-dark(#f6f7f9,#12151b);color:light-dark(#1b2330,#dfe5ee)}
main{width:min(22rem,calc(100vw - 3rem))}
h1{font-size:1.25rem;margin:0}
p{margin:.25rem 0 1.25rem;color:light-dark(#5a6577,#94a0b3)}
label{display:block;font-weight:600;margin-bottom:.25rem}
input,button{font:inherit;width:100%;box-sizing:border-box;padding:.55rem .7rem;border-radius:.4rem;border:1px solid light-dark(#8793a5,#5b6678);background:light-dark(#fff,#1a1f28);color:inherit}
button{margin-top:1rem;border-color:transparent;background:light-dark(#1f5fbf,#6ea8ff);color:light-dark(#fff,#0b1220);font-weight:600;cursor:pointer}
:focus-visible{outline:3px solid light-dark(#1f5fbf,#6ea8ff);outline-offset:2px}
.wrong{margin:.5rem 0 0;color:light-dark(#a1260d,#ff9d8a)}
`;
