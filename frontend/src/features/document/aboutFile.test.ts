import { describe, expect, it } from "vitest";
import type { Metadata } from "@/api/types";
import { formatClaimed, formatDuration, linesOf } from "./aboutFile";

const NOTHING: Metadata = {
  version: 1,
  title: null,
  creators: [],
  contributors: [],
  subject: null,
  description: null,
  keywords: [],
  publisher: null,
  rights: null,
  language: null,
  software: null,
  created: null,
  modified: null,
  extra: {},
};

describe("what a file says about itself", () => {
  it("has no lines where it says nothing", () => {
    expect(linesOf(NOTHING)).toEqual([]);
  });

  it("is in an order of its own, what its author named last", () => {
    const lines = linesOf({
      ...NOTHING,
      creators: ["Ada", "Bob"],
      title: "Lease",
      extra: { "custom:Matter": "A-17", pages: 3, signed: true },
    });
    expect(lines).toEqual([
      { name: "title", value: "Lease" },
      { name: "creators", value: "Ada, Bob" },
      { name: "pages", value: "3" },
      { name: { own: "Matter" }, value: "A-17" },
      { name: { own: "signed" }, value: "true" },
    ]);
  });

  it("joins what belongs together", () => {
    const lines = linesOf({
      ...NOTHING,
      extra: { width: 640, height: 360, latitude: -53.541, longitude: 9.993333 },
    });
    expect(lines).toEqual([
      { name: "dimensions", value: "640 × 360" },
      { name: "place", value: "-53.54100, 9.99333" },
    ]);
  });

  it("tells lengths as clocks do", () => {
    expect([7.4, 123, 3723].map(formatDuration)).toEqual(["0:07", "2:03", "1:02:03"]);
  });

  it("claims no more of a time than the file does", () => {
    expect(formatClaimed("2019")).toBe("2019");
    expect(formatClaimed("2019-05")).not.toMatch(/\b0?1\b/);
    expect(formatClaimed("2019-05-03")).not.toMatch(/:/);
    expect(formatClaimed("2019-05-03T09:07:00")).toMatch(/07/);
  });
});
