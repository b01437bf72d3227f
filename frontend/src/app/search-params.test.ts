import { expect, test } from "vitest";
import {
  accessSearch,
  auditSearch,
  documentSearch,
  librarySearch,
  loginSearch,
  policiesSearch,
  policySearch,
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

test("access is asked of a user or a group, and of nothing else", () => {
  expect(accessSearch({ of: "user:7" })).toEqual({ of: "user:7" });
  expect(documentSearch({ tab: "access", of: "group:12" })).toEqual({
    tab: "access",
    of: "group:12",
  });
  for (const of of ["user:0", "user:x", "role:1", "user:7;", 7]) {
    expect(accessSearch({ of })).toEqual({});
  }
});

test("a policy has its tabs, and the page of policies lists them or the cabinets", () => {
  expect(policySearch({ tab: "versions" })).toEqual({ tab: "versions" });
  expect(policySearch({ tab: "history" })).toEqual({});
  expect(policiesSearch({ show: "cabinets" })).toEqual({ show: "cabinets" });
  expect(policiesSearch({ show: "all" })).toEqual({});
});

test("the page of sign-in shows what it has, and keys in states that there are", () => {
  expect(signInSearch({ show: "keys", q: 7, state: "idle" })).toEqual({
    show: "keys",
    q: "7",
    state: "idle",
  });
  expect(signInSearch({ show: "secrets", state: "lost" })).toEqual({});
});
