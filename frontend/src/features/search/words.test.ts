import { describe, expect, test } from "vitest";
import { markSnippet, markWords, plainWords } from "./words";

describe("plainWords", () => {
  test.each([
    ["lease", ["lease"]],
    ['"annual report" tax', ["annual", "report", "tax"]],
    ["invoice -draft", ["invoice"]],
    ['invoice -"first draft"', ["invoice"]],
    ["lease or rent", ["lease", "rent"]],
    ["type:pdf size>10MB owner:anna lease", ["lease"]],
    ['"lease', ["lease"]],
    ["", []],
  ])("%s", (query, words) => {
    expect(plainWords(query)).toEqual(words);
  });
});

describe("markWords", () => {
  test("marks every word, whatever its case", () => {
    expect(markWords("The LEASE, leased", ["lease"])).toEqual([
      { text: "The ", hit: false },
      { text: "LEASE", hit: true },
      { text: ", ", hit: false },
      { text: "lease", hit: true },
      { text: "d", hit: false },
    ]);
  });

  test("takes a word for what it is, not for a pattern", () => {
    expect(markWords("a.b axb", ["a.b"])[0]).toEqual({ text: "a.b", hit: true });
    expect(markWords("axb", ["a.b"])).toEqual([{ text: "axb", hit: false }]);
  });
});

describe("markSnippet", () => {
  test("splits at the marks of the service", () => {
    expect(markSnippet("the \u0002lease\u0003 of <b>")).toEqual([
      { text: "the ", hit: false },
      { text: "lease", hit: true },
      { text: " of <b>", hit: false },
    ]);
  });

  test("survives a mark that was cut off", () => {
    expect(markSnippet("a \u0002b")).toEqual([
      { text: "a ", hit: false },
      { text: "b", hit: true },
    ]);
  });
});
