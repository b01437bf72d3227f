/** The condition of a policy's statement as a sentence's end: “the document type is contract or invoice”. */
import type { TFunction } from "i18next";

export type Condition = Record<string, unknown>;

/** How each operator is said of a text or a number, and of a moment where that differs. */
const SAID = {
  Equals: "is",
  NotEquals: "isNot",
  Like: "isLike",
  NotLike: "isNotLike",
  LessThan: "isLess",
  LessThanEquals: "isAtMost",
  GreaterThan: "isMore",
  GreaterThanEquals: "isAtLeast",
  DateLessThan: "isBefore",
  DateLessThanEquals: "isNotAfter",
  DateGreaterThan: "isAfter",
  DateGreaterThanEquals: "isNotBefore",
  Bool: "is",
  IpAddress: "isWithin",
  NotIpAddress: "isNotWithin",
} as const;

const ATTRIBUTES = {
  "dms:documentType": "documentType",
  "dms:classification": "classification",
  "dms:tag": "tag",
  "dms:owner": "owner",
  "dms:status": "status",
  "dms:name": "name",
  "dms:size": "size",
  "dms:createdAt": "createdAt",
  "dms:updatedAt": "updatedAt",
  "dms:sourceIp": "sourceIp",
  "dms:currentTime": "currentTime",
  "dms:userId": "userId",
  "dms:administrator": "administrator",
} as const;

const PROPERTY = "dms:property/";

function has<T extends object>(words: T, name: string): name is keyof T & string {
  return Object.hasOwn(words, name);
}

function attributeWords(t: TFunction, key: string): string {
  if (has(ATTRIBUTES, key)) return t(`access.attribute.${ATTRIBUTES[key]}`);
  if (key.startsWith(PROPERTY)) {
    return t("access.attribute.property", { name: key.slice(PROPERTY.length) });
  }
  return key;
}

function valueWords(t: TFunction, given: unknown): string {
  const values = (Array.isArray(given) ? given : [given]).map(String);
  const last = values.pop() ?? "";
  return values.length === 0 ? last : t("access.or", { first: values.join(", "), last });
}

/** An operator without what stands before and after its own name, and what that was. */
function parts(operator: string) {
  const [before, bare] = operator.includes(":") ? operator.split(":", 2) : ["", operator];
  const name = (bare ?? "").replace(/IfExists$/, "");
  return { quantifier: before, name, ifExists: name !== bare };
}

function testWords(t: TFunction, operator: string, key: string, given: unknown): string {
  const { quantifier, name, ifExists } = parts(operator);
  const attribute = attributeWords(t, key);
  if (name === "Null") {
    const absent = String(Array.isArray(given) ? given[0] : given) === "true";
    return t(absent ? "access.test.isMissing" : "access.test.isThere", { attribute });
  }
  const bare = name.replace(/^(String|Numeric|Date)/, "");
  const said = has(SAID, name) ? SAID[name] : has(SAID, bare) ? SAID[bare] : null;
  const values = valueWords(t, given);
  if (said === null) return `${operator} ${key} ${values}`;
  const words = t(`access.test.${said}`, { attribute, values });
  const quantified = quantifier === "ForAllValues" ? t("access.test.each", { words }) : words;
  return ifExists ? t("access.test.ifExists", { words: quantified }) : quantified;
}

/** All its tests, which must all hold. */
export function conditionWords(t: TFunction, condition: Condition): string {
  const tests = Object.entries(condition).flatMap(([operator, keys]) =>
    typeof keys === "object" && keys !== null
      ? Object.entries(keys).map(([key, given]) => testWords(t, operator, key, given))
      : [],
  );
  return tests.join(t("access.and"));
}
