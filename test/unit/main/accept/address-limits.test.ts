import { describe, expect, it } from "vitest";
import { resolveConfig } from "../../../../src/config.ts";
import { AddressLimits } from "../../../../src/main/accept/address-limits.ts";

function deskOf(
  maxConnectionsPerAddress: number,
  options: Partial<Parameters<typeof resolveConfig>[0]> = {},
): AddressLimits {
  return new AddressLimits(
    resolveConfig({ maxConnectionsPerAddress, ...options }),
  );
}

describe("the admission desk", () => {
  it("counts an address over all shards", () => {
    const desk = deskOf(2);
    expect(desk.admit(0, "::1")).toBe(true);
    expect(desk.admit(1, "::1")).toBe(true);
    expect(desk.admit(0, "::1")).toBe(false);
    expect(desk.admit(1, "::1")).toBe(false);
  });

  it("counts each address for itself", () => {
    const desk = deskOf(1);
    expect(desk.admit(0, "192.0.2.1")).toBe(true);
    expect(desk.admit(0, "192.0.2.2")).toBe(true);
  });

  it("has room again when a connection is released", () => {
    const desk = deskOf(1);
    desk.admit(0, "::1");
    desk.release(0, "::1");
    expect(desk.admit(1, "::1")).toBe(true);
    expect(desk.admit(1, "::1")).toBe(false);
  });

  it("forgets what a dead shard had admitted, and only that", () => {
    const desk = deskOf(3);
    desk.admit(0, "::1");
    desk.admit(0, "::1");
    desk.admit(1, "::1");
    desk.forget(0);
    expect(desk.admit(1, "::1")).toBe(true);
    expect(desk.admit(1, "::1")).toBe(true);
    expect(desk.admit(1, "::1")).toBe(false);
  });

  it("takes back only once what is released after its shard was forgotten", () => {
    const desk = deskOf(2);
    desk.admit(0, "::1");
    desk.admit(1, "::1");
    desk.forget(0);
    desk.release(0, "::1");
    expect(desk.admit(1, "::1")).toBe(true);
    expect(desk.admit(1, "::1")).toBe(false);
  });

  it("counts sockets as they come, refuses some, and cuts a flood", () => {
    const desk = deskOf(20);
    const came = Array.from({ length: 30 }, () => desk.arrive(0, "192.0.2.1"));
    expect(came.filter((standing) => standing === "admitted")).toHaveLength(20);
    expect(came.filter((standing) => standing === "over")).toHaveLength(8);
    expect(came.filter((standing) => standing === "flood")).toHaveLength(2);
    expect(desk.arrive(0, "192.0.2.2")).toBe("admitted");
  });

  it("has room again when those that were refused have gone too", () => {
    const desk = deskOf(100);
    const arrive = (): string => desk.arrive(0, "::1");
    for (let count = 0; count < 100; count++) expect(arrive()).toBe("admitted");
    for (let count = 0; count < 10; count++) expect(arrive()).toBe("over");
    expect(arrive()).toBe("flood");
    for (let count = 0; count < 10; count++) desk.release(0, "::1");
    expect(arrive()).toBe("over");
    for (let count = 0; count < 2; count++) desk.release(0, "::1");
    expect(desk.arrive(0, "::1")).toBe("admitted");
  });

  it("takes an IPv6 network for one client, however it is spelled", () => {
    const desk = deskOf(3);
    desk.arrive(0, "2001:db8:0:1::1");
    desk.arrive(0, "2001:0db8:0000:0001:ffff::2");
    desk.arrive(0, "2001:DB8:0:1:1:2:3:4");
    expect(desk.arrive(0, "2001:db8:0:1::9")).toBe("over");
    expect(desk.arrive(0, "2001:db8:0:2::1")).toBe("admitted");
    desk.release(0, "2001:db8::1:0:0:0:1");
    desk.release(0, "2001:db8:0:1:8000::");
    expect(desk.arrive(0, "2001:db8:0:1::1")).toBe("admitted");
  });

  it("takes as large a network for one client as it is told to", () => {
    const exact = deskOf(1, { ipv6PrefixBits: 128 });
    expect(exact.arrive(0, "2001:db8::1")).toBe("admitted");
    expect(exact.arrive(0, "2001:db8::2")).toBe("admitted");
    expect(exact.arrive(0, "2001:db8::2")).toBe("over");
    const odd = deskOf(1, { ipv6PrefixBits: 47 });
    expect(odd.arrive(0, "2001:db8:2::1")).toBe("admitted");
    expect(odd.arrive(0, "2001:db8:3::1")).toBe("over");
    expect(odd.arrive(0, "2001:db8:4::1")).toBe("admitted");
  });

  it("takes an IPv4 address for itself in both notations", () => {
    const desk = deskOf(1);
    expect(desk.clientOf(() => "::ffff:192.0.2.1")).toBe("192.0.2.1");
    expect(desk.arrive(0, "::ffff:192.0.2.1")).toBe("admitted");
    expect(desk.arrive(0, "192.0.2.1")).toBe("over");
    expect(desk.arrive(0, "192.0.2.2")).toBe("admitted");
  });

  it("counts nobody at the door who may speak for others, or has gone, or without a limit", () => {
    const desk = deskOf(1, { trustedProxies: "10.0.0.0/8" });
    expect(desk.clientOf(() => "10.1.2.3")).toBeUndefined();
    expect(desk.clientOf(() => "::ffff:10.1.2.3")).toBeUndefined();
    expect(desk.clientOf(() => undefined)).toBeUndefined();
    expect(desk.clientOf(() => "11.1.2.3")).toBe("11.1.2.3");
    expect(deskOf(0).clientOf(() => "11.1.2.3")).toBeUndefined();
  });
});
