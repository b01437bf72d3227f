import { describe, expect, test } from "vitest";
import { i18next } from "@/i18n";
import { newRule, type RuleDraft } from "./ruleDraft";
import { thenWords, whenWords } from "./ruleWords";

const { t } = i18next;
const names = {
  source: (id: number) => `source ${id}`,
  folder: (id: number) => `folder ${id}`,
};
const empty = newRule("k", "All");
const when = (part: Partial<RuleDraft["when"]>) =>
  whenWords(t, { ...empty, when: { ...empty.when, ...part } }, names);
const then = (part: Partial<RuleDraft["then"]>) =>
  thenWords(t, { ...empty, then: { ...empty.then, ...part } }, names);

describe("what a rule asks for", () => {
  test("is nothing, one thing, or all of several", () => {
    expect(when({ name: "  " })).toBe("Always");
    expect(when({ media_type: "image/*" })).toBe("When the type is like image/*");
    expect(when({ source_ids: [1, 2], sender: "*@example.org", text: "Lease" })).toBe(
      "When from source 1, source 2, and the sender is like *@example.org, and the text has “Lease”",
    );
  });
});

describe("what a rule does", () => {
  test("is nothing, or told in the order in which it is done", () => {
    expect(then({ name: " " })).toBe("does nothing");
    expect(
      then({
        folder_id: 7,
        subfolder: "{year}",
        name: "{stem} paid",
        type: "invoice",
        tags: ["a", "b"],
        properties: [
          { name: "case", value: 17 },
          { name: "", value: "unnamed" },
        ],
      }),
    ).toBe(
      "file to folder 7 / {year}, and name it {stem} paid, and it is of type invoice, and tag it a, b, and set case = 17",
    );
  });

  test("names a folder below the one it would go to anyway", () => {
    expect(then({ folder_id: 7 })).toBe("file to folder 7");
    expect(then({ subfolder: "{year}/{month}" })).toBe("file below, in {year}/{month}");
  });
});
