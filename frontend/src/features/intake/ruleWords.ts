/** What a rule says, in words. Pure. */
import type { TFunction } from "i18next";
import type { RuleDraft } from "./ruleDraft";

/** Names of what rules only have the ids of. */
export type Names = {
  source: (id: number) => string;
  folder: (id: number) => string;
};

const GLOBS = [
  ["name", "name"],
  ["sender", "sender"],
  ["subject", "subject"],
  ["media_type", "mediaType"],
] as const;

const given = (text: string | null): string => text?.trim() ?? "";

/** “When from Scanner, and the name is like *invoice*”; “Always” where there is no condition. */
export function whenWords(t: TFunction, { when }: RuleDraft, names: Names): string {
  const from = when.source_ids.map((id) => names.source(id)).join(", ");
  const parts = [
    ...(from === "" ? [] : [t("intake.says.from", { names: from })]),
    ...GLOBS.filter(([part]) => given(when[part]) !== "").map(([part, key]) =>
      t(`intake.says.${key}`, { value: given(when[part]) }),
    ),
    ...(given(when.text) === "" ? [] : [t("intake.says.text", { value: given(when.text) })]),
  ];
  if (parts.length === 0) return t("intake.says.always");
  return t("intake.says.when", { words: parts.join(t("intake.says.and")) });
}

/** “file to Accounting / Incoming / {year}, tag it incoming”. */
export function thenWords(t: TFunction, { then }: RuleDraft, names: Names): string {
  const { tags } = then;
  const type = given(then.type);
  const name = given(then.name);
  const set = then.properties
    .filter((one) => one.name.trim() !== "")
    .map((one) => `${one.name.trim()} = ${String(one.value)}`);
  const parts = [
    ...whereWords(t, then, names),
    ...(name === "" ? [] : [t("intake.says.rename", { value: name })]),
    ...(type === "" ? [] : [t("intake.says.type", { value: type })]),
    ...(tags.length === 0 ? [] : [t("intake.says.tags", { value: tags.join(", ") })]),
    ...(set.length === 0 ? [] : [t("intake.says.properties", { value: set.join(", ") })]),
  ];
  return parts.length === 0 ? t("intake.says.nothing") : parts.join(t("intake.says.and"));
}

function whereWords(t: TFunction, then: RuleDraft["then"], names: Names): string[] {
  const below = given(then.subfolder);
  if (then.folder_id === null) return below === "" ? [] : [t("intake.says.toBelow", { below })];
  const folder = names.folder(then.folder_id);
  if (below === "") return [t("intake.says.toFolder", { folder })];
  return [t("intake.says.toFolderBelow", { folder, below })];
}
