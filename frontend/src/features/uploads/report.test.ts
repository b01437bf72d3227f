import { describe, expect, test } from "vitest";
import { csvCell, csvOf } from "./report";

describe("the report", () => {
  test.each([
    ["plain", "plain"],
    ["a, b", '"a, b"'],
    ['say "so"', '"say ""so"""'],
    ["two\nlines", '"two\nlines"'],
    ["=cmd()", "'=cmd()"],
    ["-1,5", `"'-1,5"`],
  ])("writes %j as %j", (value, cell) => {
    expect(csvCell(value)).toBe(cell);
  });

  test("is a table that Excel opens as UTF-8", () => {
    expect(csvOf([["Ä", "b"], ["c"]])).toBe("\uFEFFÄ,b\r\nc\r\n");
  });
});
