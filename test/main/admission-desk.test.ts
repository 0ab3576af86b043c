import { describe, expect, it } from "vitest";
import { AdmissionDesk } from "../../src/main/admission-desk.ts";

describe("the admission desk", () => {
  it("counts an address over all shards", () => {
    const desk = new AdmissionDesk(2);
    expect(desk.admit(0, "::1")).toBe(true);
    expect(desk.admit(1, "::1")).toBe(true);
    expect(desk.admit(0, "::1")).toBe(false);
    expect(desk.admit(1, "::1")).toBe(false);
  });

  it("counts each address for itself", () => {
    const desk = new AdmissionDesk(1);
    expect(desk.admit(0, "192.0.2.1")).toBe(true);
    expect(desk.admit(0, "192.0.2.2")).toBe(true);
  });

  it("has room again when a connection is released", () => {
    const desk = new AdmissionDesk(1);
    desk.admit(0, "::1");
    desk.release(0, "::1");
    expect(desk.admit(1, "::1")).toBe(true);
    expect(desk.admit(1, "::1")).toBe(false);
  });

  it("forgets what a dead shard had admitted, and only that", () => {
    const desk = new AdmissionDesk(3);
    desk.admit(0, "::1");
    desk.admit(0, "::1");
    desk.admit(1, "::1");
    desk.forget(0);
    expect(desk.admit(1, "::1")).toBe(true);
    expect(desk.admit(1, "::1")).toBe(true);
    expect(desk.admit(1, "::1")).toBe(false);
  });

  it("takes back only once what is released after its shard was forgotten", () => {
    const desk = new AdmissionDesk(2);
    desk.admit(0, "::1");
    desk.admit(1, "::1");
    desk.forget(0);
    desk.release(0, "::1");
    expect(desk.admit(1, "::1")).toBe(true);
    expect(desk.admit(1, "::1")).toBe(false);
  });
});
