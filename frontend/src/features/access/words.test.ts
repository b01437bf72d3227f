import { expect, test } from "vitest";
import type { Grant, Principal, Rule } from "@/api/types";
import { i18next } from "@/i18n";
import { conditionWords } from "./conditions";
import {
  answerWords,
  byPlace,
  concerns,
  placeWords,
  readResource,
  ruleWords,
  sourceWords,
  testsAddress,
  type Place,
} from "./words";

const { t } = i18next;
const bob: Principal = { principal: "user:7", name: "Bob", email: "bob@example.org" };
const clerks: Principal = { principal: "group:3", name: "Clerks", email: null };
const place: Place = {
  resource: "dms:document:45",
  name: "Lease.pdf",
  ancestors: [
    { id: 5, name: "Legal" },
    { id: 12, name: "Contracts" },
  ],
};
const rule: Rule = {
  effect: "allow",
  principal: bob,
  resource: "dms:document:45",
  stands_on: "Lease.pdf",
  grant_id: 31,
  policy_id: null,
  policy_name: null,
  statement: null,
  sid: null,
  condition: null,
  role: "reader",
  given_by: null,
  given_at: null,
  reason: null,
};
const said = (one: Rule, through = {}) => ruleWords(t, one, { who: bob, place, through });

test("the answer is a sentence about somebody, something and what is done to it", () => {
  expect(answerWords(t, bob, "dms:document:Read", place.resource, place, true)).toBe(
    "Bob may read “Lease.pdf”.",
  );
  expect(answerWords(t, clerks, "dms:access:Manage", place.resource, place, false)).toBe(
    "The group “Clerks” may not manage the access to “Lease.pdf”.",
  );
  expect(answerWords(t, bob, "dms:document:Read", "dms:folder:12/*", place, true)).toBe(
    "Bob may read documents in “Lease.pdf”.",
  );
});

test("a grant of one's own needs no group", () => {
  expect(said(rule)).toEqual(["Bob was given the role Reader on “Lease.pdf” itself."]);
});

test("a Deny of a group says where it stands, who is in the group and how, and who denied it", () => {
  const denied: Rule = {
    ...rule,
    effect: "deny",
    principal: clerks,
    resource: "dms:folder:5",
    stands_on: "Legal",
    role: null,
    given_by: "Ada",
    given_at: "2026-03-02T09:14:00Z",
    reason: "Under investigation",
  };
  const way = { "group:3": [{ principal: "group:8", name: "Temps", email: null }] };
  const words = said(denied, way);
  expect(words.slice(0, 2)).toEqual([
    "The group “Clerks” was denied this on “Legal”, 2 folders above.",
    "Bob is in “Clerks” by way of “Temps”.",
  ]);
  expect(words[2]).toMatch(/^Ada denied it on .*2026\.$/);
  expect(words[3]).toBe("The reason given: Under investigation");
  expect(said(denied)[1]).toBe("Bob is in “Clerks”.");
});

test("a policy is told by its name, statement and condition", () => {
  const policy: Rule = {
    ...rule,
    grant_id: null,
    role: null,
    policy_id: 4,
    policy_name: "HR reads",
    statement: 1,
    resource: "dms:folder:12/*",
    stands_on: "Contracts",
    condition: { StringEquals: { "dms:documentType": ["contract", "invoice"] } },
  };
  expect(said(policy)).toEqual([
    "The policy “HR reads” (statement 2) allows it to Bob on everything in “Contracts”.",
    "It holds where the document type is contract or invoice.",
  ]);
  expect(said({ ...policy, sid: "hr", effect: "deny" })[0]).toBe(
    "The policy “HR reads” (statement “hr”) denies it to Bob on everything in “Contracts”.",
  );
  expect(sourceWords(t, { ...policy, principal: clerks }, place)).toBe(
    "By the policy “HR reads” to the group “Clerks” on everything in “Contracts”",
  );
});

test("a place is here, above, or wider than a folder", () => {
  const at = (resource: string, stands_on: string | null = null) =>
    placeWords(t, { ...rule, resource, stands_on }, place);
  expect(at("dms:folder:12", "Contracts")).toBe("on “Contracts”, the folder above");
  expect(at("*")).toBe("on everything in the organisation");
  expect(at("dms:folder:*")).toBe("on every folder");
  expect(at("dms:document:*")).toBe("on every document");
  expect(at("dms:folder:99")).toBe("on “dms:folder:99”");
});

test("conditions are read as the end of a sentence", () => {
  expect(
    conditionWords(t, {
      IpAddress: { "dms:sourceIp": "10.0.0.0/8" },
      DateLessThan: { "dms:createdAt": "2026-01-01" },
      NumericLessThanEquals: { "dms:size": 1000 },
    }),
  ).toBe(
    "the network address is in 10.0.0.0/8 and the day of creation is before 2026-01-01 and the size in bytes is at most 1000",
  );
  expect(conditionWords(t, { "ForAllValues:StringLike": { "dms:tag": "public-*" } })).toBe(
    "every one: a tag is like public-*",
  );
  expect(conditionWords(t, { StringNotEqualsIfExists: { "dms:property/case": "7" } })).toBe(
    "the property “case” is not 7 (if there is one)",
  );
  expect(conditionWords(t, { Null: { "dms:classification": true } })).toBe(
    "the classification is missing",
  );
  expect(conditionWords(t, { Null: { "dms:classification": ["false"] } })).toBe(
    "the classification is there",
  );
  expect(conditionWords(t, { Bool: { "dms:administrator": false } })).toBe(
    "being an administrator is false",
  );
  // What is not known is told as it is written, rather than left out.
  expect(conditionWords(t, { StringFoo: { "dms:x": "y" } })).toBe("StringFoo dms:x y");
});

test("a rule that asks for an address is told from those that do not", () => {
  const office = { IpAddress: { "dms:sourceIp": "10.0.0.0/8" } };
  expect(testsAddress({ condition: office })).toBe(true);
  expect(testsAddress({ condition: { StringEquals: { "dms:tag": "dms:sourceIp" } } })).toBe(false);
  expect(testsAddress({ condition: null })).toBe(false);
});

test("a resource is one folder or document, or none in particular", () => {
  expect(readResource("dms:folder:12/*")).toEqual({ kind: "folder", id: 12 });
  expect(readResource("dms:document:45")).toEqual({ kind: "document", id: 45 });
  expect(readResource("dms:folder:*")).toBeNull();
  expect(readResource("*")).toBeNull();
});

test("a cabinet is deleted as one, and never moved; another folder the other way round", () => {
  const folder: Place = { ...place, ancestors: [{ id: 5, name: "Legal" }] };
  const cabinet: Place = { ...place, ancestors: [] };
  const of = "dms:folder:12";
  expect(concerns("dms:cabinet:Delete", of, cabinet)).toBe(true);
  expect(concerns("dms:folder:Delete", of, cabinet)).toBe(false);
  expect(concerns("dms:folder:Move", of, cabinet)).toBe(false);
  expect(concerns("dms:cabinet:Delete", of, folder)).toBe(false);
  expect(concerns("dms:folder:Delete", of, folder)).toBe(true);
  expect(concerns("dms:document:Move", place.resource, place)).toBe(true);
  expect(concerns("dms:access:Manage", "dms:folder:12/*", folder)).toBe(false);
});

test("grants are listed by where they stand, the nearest first, and the own place even if empty", () => {
  const grant = (id: number, resource: string) => ({ id, resource }) as Grant;
  const found = byPlace([grant(1, "dms:folder:5"), grant(2, "dms:folder:12")], place);
  expect(found.map(({ resource, grants }) => [resource, grants.map(({ id }) => id)])).toEqual([
    ["dms:document:45", []],
    ["dms:folder:12", [2]],
    ["dms:folder:5", [1]],
  ]);
});
