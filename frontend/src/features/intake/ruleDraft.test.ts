import { describe, expect, test } from "vitest";
import type { IntakeRule } from "@/api/types";
import { draftOfRule, moved, newRule, ruleOf, sameRules, valueLike } from "./ruleDraft";

const rule: IntakeRule = {
  id: 4,
  name: "Invoices",
  enabled: true,
  when: {
    source_ids: [2],
    name: "*invoice*",
    sender: null,
    subject: null,
    media_type: null,
    text: null,
  },
  then: {
    folder_id: 12,
    subfolder: "{year}/{month}",
    name: null,
    type: "invoice",
    tags: ["incoming"],
    properties: { amount: 3, urgent: false, note: null },
  },
  stop: true,
};

const named = (...keys: string[]) => keys.map((key) => newRule(key, key));
const order = (list: { key: string }[]) => list.map(({ key }) => key).join("");

describe("a rule as it is written", () => {
  test("says again what the service said, whatever kinds its properties are of", () => {
    expect(ruleOf(draftOfRule(rule))).toEqual(rule);
  });

  test("does not say what was left empty or is blank", () => {
    const draft = draftOfRule(rule);
    const emptied = {
      ...draft,
      name: " Bills ",
      when: { ...draft.when, name: "  ", sender: " *@example.org " },
      then: {
        ...draft.then,
        type: "",
        properties: [
          { name: " ", value: "lost" },
          { name: " case ", value: "A-17" },
        ],
      },
    };
    const { name, when, then } = ruleOf(emptied);
    expect(name).toBe("Bills");
    expect(when).toMatchObject({ name: null, sender: "*@example.org" });
    expect(then).toMatchObject({ type: null, properties: { case: "A-17" } });
  });

  test("is the same as before only while it says the same", () => {
    const draft = draftOfRule(rule);
    expect(sameRules([draft], [{ ...draft, key: "other", name: "Invoices " }])).toBe(true);
    expect(sameRules([draft], [{ ...draft, stop: false }])).toBe(false);
    expect(sameRules([draft], [])).toBe(false);
  });

  test("takes fewer words from a service that says only what differs from a new one", () => {
    const draft = draftOfRule({ name: "All", enabled: true, stop: false });
    expect({ ...draft, key: "k" }).toEqual(newRule("k", "All"));
  });
});

describe("an ordered list", () => {
  test("has one moved down, up, and no farther than its ends", () => {
    const list = named("a", "b", "c");
    expect(order(moved(list, "a", 1))).toBe("bac");
    expect(order(moved(list, "c", -1))).toBe("acb");
    expect(order(moved(list, "a", -1))).toBe("abc");
    expect(order(moved(list, "a", 9))).toBe("bca");
    expect(order(moved(list, "nobody", 1))).toBe("abc");
    expect(order(list)).toBe("abc");
  });
});

describe("the value of a property", () => {
  test("keeps its kind while what is typed can be read so", () => {
    expect(valueLike(3, "42")).toBe(42);
    expect(valueLike(3, "a few")).toBe("a few");
    expect(valueLike(3, " ")).toBe(" ");
    expect(valueLike(true, "false")).toBe(false);
    expect(valueLike(true, "perhaps")).toBe("perhaps");
    expect(valueLike("3", "42")).toBe("42");
    expect(valueLike(null, "42")).toBe("42");
  });
});
