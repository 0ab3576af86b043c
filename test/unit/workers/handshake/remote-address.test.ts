import { describe, expect, it } from "vitest";
import { clientAddressBehind } from "../../../../src/workers/handshake/remote-address.ts";

describe("the address of a client", () => {
  const behind = clientAddressBehind([
    "10.0.0.0/8",
    "192.0.2.7",
    "::1",
    "fd00::/8",
    "::ffff:172.16.0.0/108",
  ]);

  it.each<[string, string, string | undefined, string]>([
    ["no header", "10.0.0.1", undefined, "10.0.0.1"],
    ["an empty header", "10.0.0.1", "", "10.0.0.1"],
    ["a peer that is not trusted", "8.8.8.8", "1.1.1.1", "8.8.8.8"],
    ["one proxy", "10.0.0.1", "1.1.1.1", "1.1.1.1"],
    ["a trusted address without a range", "192.0.2.7", "1.1.1.1", "1.1.1.1"],
    ["its neighbour", "192.0.2.8", "1.1.1.1", "192.0.2.8"],
    ["two proxies", "10.0.0.1", "1.1.1.1, 10.0.0.2", "1.1.1.1"],
    [
      "an address that the client invented",
      "10.0.0.1",
      "6.6.6.6, 1.1.1.1, 10.0.0.2",
      "1.1.1.1",
    ],
    ["only trusted hops", "10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"],
    ["a malformed client", "10.0.0.1", "junk, 10.0.0.2", "10.0.0.2"],
    ["a malformed hop", "10.0.0.1", "1.1.1.1, junk", "10.0.0.1"],
    ["an obfuscated client", "10.0.0.1", "unknown", "10.0.0.1"],
    ["an empty entry", "10.0.0.1", "1.1.1.1,", "10.0.0.1"],
    ["an address with a leading zero", "10.0.0.1", "01.1.1.1", "10.0.0.1"],
    ["a port", "10.0.0.1", "1.1.1.1:5000", "1.1.1.1"],
    ["a port that is none", "10.0.0.1", "1.1.1.1:x", "10.0.0.1"],
    ["quotes", "10.0.0.1", '"1.1.1.1"', "1.1.1.1"],
    ["quotes and a port", "10.0.0.1", '"[2001:db8::1]:443"', "2001:db8::1"],
    ["IPv6 in brackets", "10.0.0.1", "[2001:db8::1]", "2001:db8::1"],
    ["IPv4 in brackets", "10.0.0.1", "[1.1.1.1]", "10.0.0.1"],
    ["an open bracket", "10.0.0.1", "[2001:db8::1", "10.0.0.1"],
    ["bare IPv6 in another spelling", "::1", "2001:DB8:0:0::1", "2001:db8::1"],
    ["a mapped peer", "::ffff:10.0.0.1", "1.1.1.1", "1.1.1.1"],
    ["a mapped client", "10.0.0.1", "::ffff:1.1.1.1", "1.1.1.1"],
    ["a mapped client in hexadecimal", "10.0.0.1", "::FFFF:101:101", "1.1.1.1"],
    ["a range in mapped notation", "172.31.0.1", "1.1.1.1", "1.1.1.1"],
    ["outside of that range", "172.32.0.1", "1.1.1.1", "172.32.0.1"],
    ["an IPv6 range", "fd12::1", "1.1.1.1", "1.1.1.1"],
    ["a zone", "10.0.0.1", "fe80::1%eth0", "fe80::1"],
    ["a peer that is gone and has no address", "", "1.1.1.1", ""],
  ])("is right with %s", (_, peer, forwardedFor, client) => {
    expect(behind(peer, forwardedFor)).toBe(client);
  });

  it("is the peer's when no proxy is trusted, whatever the header says", () => {
    const direct = clientAddressBehind([]);
    expect(direct("127.0.0.1", "1.1.1.1")).toBe("127.0.0.1");
    expect(direct("::ffff:127.0.0.1", "1.1.1.1")).toBe("127.0.0.1");
    expect(direct("::1", "1.1.1.1")).toBe("::1");
    expect(direct("", undefined)).toBe("");
  });

  it("trusts every IPv4 address with a range of 0, and no IPv6 address", () => {
    const all = clientAddressBehind(["0.0.0.0/0"]);
    expect(all("8.8.8.8", "1.1.1.1")).toBe("1.1.1.1");
    expect(all("2001:db8::1", "1.1.1.1")).toBe("2001:db8::1");
  });

  it.each([
    "",
    "proxy.example",
    "10.0.0.0/33",
    "10.0.0.0/-1",
    "10.0.0.0/",
    "10.0.0.0/8/8",
    "fd00::/129",
    "::ffff:10.0.0.0/90",
    "10.0.0",
    "10.0.0.1:80",
  ])("throws for the trusted proxy %j", (entry) => {
    expect(() => clientAddressBehind([entry])).toThrow(
      expect.objectContaining({
        code: "ERR_SLUICE_OPTION",
        message: expect.stringContaining(JSON.stringify(entry)) as unknown,
      }),
    );
  });
});
