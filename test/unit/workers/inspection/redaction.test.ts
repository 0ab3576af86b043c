import { describe, expect, it } from "vitest";
import {
  hideSecretHeader,
  hideSecrets,
} from "../../../../src/workers/inspection/redaction.ts";

describe("what the inspector shows of a request", () => {
  it.each([
    "authorization",
    "proxy-authorization",
    "cookie",
    "set-cookie",
    "sec-websocket-key",
    "sec-websocket-protocol",
    "x-api-key",
    "x-auth-token",
    "x-csrf-token",
    "x-session-id",
  ])("hides the header %s", (name) => {
    expect(hideSecretHeader([name, "s3cret"])).toEqual([name, "(hidden)"]);
  });

  it.each(["host", "user-agent", "origin", "x-forwarded-for"])(
    "shows the header %s",
    (name) => {
      expect(hideSecretHeader([name, "value"])).toEqual([name, "value"]);
    },
  );

  it.each([
    ["/chat/42", "/chat/42"],
    ["/chat?room=42&lang=de", "/chat?room=42&lang=de"],
    ["/chat?token=abc&room=42", "/chat?token=(hidden)&room=42"],
    ["/chat?access_token=abc", "/chat?access_token=(hidden)"],
    ["/chat?x=eyJhbGciOiJIUzI1NiIsInR5cCI6", "/chat?x=(hidden)"],
    ["/chat?eyJhbGciOiJIUzI1NiIsInR5cCI6", "/chat?=(hidden)"],
    ["http://ann:pw@host/chat?a=1", "http://host/chat?a=1"],
  ])("shows %s as %s", (target, shown) => {
    expect(hideSecrets(target)).toBe(shown);
  });

  it("hides secrets in the URL of a referer", () => {
    expect(hideSecretHeader(["referer", "https://a/?sid=1"])).toEqual([
      "referer",
      "https://a/?sid=(hidden)",
    ]);
  });
});
