import { expect, test } from "vitest";
import {
  auditSearch,
  documentSearch,
  librarySearch,
  loginSearch,
  searchSearch,
  signInSearch,
} from "./search-params";

test("a search keeps what it understands and drops the rest", () => {
  expect(
    searchSearch({
      q: 2024,
      type: "pdf",
      folder: "12",
      after: "2026-01-31",
      before: "soon",
      sort: "oldest",
      nonsense: 1,
    }),
  ).toEqual({ q: "2024", type: "pdf", folder: 12, after: "2026-01-31" });
});

test("a list is sorted only by columns that exist", () => {
  expect(librarySearch({ sort: "size", order: "desc", view: "grid" })).toEqual({
    sort: "size",
    order: "desc",
    view: "grid",
  });
  expect(librarySearch({ sort: "colour", order: "up" })).toEqual({});
});

test("versions are positive whole numbers", () => {
  expect(documentSearch({ version: "3", tab: "text" })).toEqual({ version: 3, tab: "text" });
  expect(documentSearch({ version: "-1", tab: "secrets" })).toEqual({});
});

test.each([
  ["/library/3?sort=size", true],
  ["//evil.example", false],
  ["/\\evil.example", false],
  ["/\t/evil.example", false],
  ["/\n/evil.example", false],
  ["https://evil.example", false],
  ["javascript:alert(1)", false],
])("after sign-in, %s is followed: %s", (redirect, followed) => {
  expect(loginSearch({ redirect })).toEqual(followed ? { redirect } : {});
});

test("the audit trail's address takes its filters and nothing else", () => {
  expect(auditSearch({ text: 7, actor: "3", after: "2026-01-01", before: "soon", x: 1 })).toEqual({
    text: "7",
    actor: 3,
    after: "2026-01-01",
  });
});

test("the page of sign-in shows what it has, and keys in states that there are", () => {
  expect(signInSearch({ show: "keys", q: 7, state: "idle" })).toEqual({
    show: "keys",
    q: "7",
    state: "idle",
  });
  expect(signInSearch({ show: "secrets", state: "lost" })).toEqual({});
});
