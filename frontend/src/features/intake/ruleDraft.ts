/** The rules as they are being written, and as the service takes them. Pure. */
import type { IntakeRule, PropertyValue } from "@/api/types";

type Conditions = Required<NonNullable<IntakeRule["when"]>>;
type Actions = Required<NonNullable<IntakeRule["then"]>>;

/** While a property is being named, two can have the same name: so they are a list. */
export type DraftProperty = { name: string; value: PropertyValue };

export type RuleDraft = {
  /** Names it in this list, before and after it is saved. */
  key: string;
  /** Null for a new one. */
  id: number | null;
  name: string;
  enabled: boolean;
  when: Conditions;
  then: Omit<Actions, "properties"> & { properties: DraftProperty[] };
  stop: boolean;
};

/** What may stand in braces in a template. */
export const TEMPLATE_FIELDS = [
  ...["year", "month", "day", "name", "stem", "extension"],
  ...["sender", "sender_domain", "subject", "source"],
]
  .map((one) => `{${one}}`)
  .join(", ");

const NO_CONDITIONS: Conditions = {
  source_ids: [],
  name: null,
  sender: null,
  subject: null,
  media_type: null,
  text: null,
};

const NO_ACTIONS: RuleDraft["then"] = {
  folder_id: null,
  subfolder: null,
  name: null,
  type: null,
  tags: [],
  properties: [],
};

export const newRule = (key: string, name: string): RuleDraft => ({
  key,
  id: null,
  name,
  enabled: true,
  when: NO_CONDITIONS,
  then: NO_ACTIONS,
  stop: false,
});

export const draftOfRule = ({ id, name, enabled, when, then, stop }: IntakeRule): RuleDraft => ({
  key: `saved-${id ?? name}`,
  id: id ?? null,
  name,
  enabled,
  when: { ...NO_CONDITIONS, ...when },
  then: {
    ...NO_ACTIONS,
    ...then,
    properties: Object.entries(then?.properties ?? {}).map(([key, value]) => ({
      name: key,
      value,
    })),
  },
  stop,
});

/** What was left empty is not said. */
function said(text: string | null): string | null {
  const words = text?.trim() ?? "";
  return words === "" ? null : words;
}

export function ruleOf({ id, name, enabled, when, then, stop }: RuleDraft): IntakeRule {
  const named = then.properties.filter((one) => one.name.trim() !== "");
  return {
    id,
    name: name.trim(),
    enabled,
    when: {
      source_ids: when.source_ids,
      name: said(when.name),
      sender: said(when.sender),
      subject: said(when.subject),
      media_type: said(when.media_type),
      text: said(when.text),
    },
    then: {
      folder_id: then.folder_id,
      subfolder: said(then.subfolder),
      name: said(then.name),
      type: said(then.type),
      tags: then.tags,
      properties: Object.fromEntries(named.map((one) => [one.name.trim(), one.value])),
    },
    stop,
  };
}

/** Whether two lists say the same. */
export const sameRules = (some: readonly RuleDraft[], others: readonly RuleDraft[]): boolean =>
  JSON.stringify(some.map(ruleOf)) === JSON.stringify(others.map(ruleOf));

/** The list with one rule so many places further down, or up; past an end it stays at the end. */
export function moved(list: readonly RuleDraft[], key: string, by: number): RuleDraft[] {
  const from = list.findIndex((one) => one.key === key);
  const rule = list[from];
  if (rule === undefined) return [...list];
  const rest = list.filter((one) => one.key !== key);
  const to = Math.min(Math.max(from + by, 0), rest.length);
  return [...rest.slice(0, to), rule, ...rest.slice(to)];
}

/** A number stays a number and yes or no stays that, while what is typed can be read so. */
export function valueLike(old: PropertyValue, text: string): PropertyValue {
  if (typeof old === "number" && text.trim() !== "" && Number.isFinite(Number(text))) {
    return Number(text);
  }
  if (typeof old === "boolean" && (text === "true" || text === "false")) return text === "true";
  return text;
}
