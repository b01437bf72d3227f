/** What a policy says, in words: a statement each. Pure. */
import type { TFunction } from "i18next";
import { ACTIONS, actionName } from "@/components/actions";
import { conditionWords, type Condition } from "@/features/access/conditions";
import type { PolicyDocument } from "./policyText";

export type StatementWords = {
  effect: "allow" | "deny";
  title: string;
  what: string[];
  where: { text: string; isMissing: boolean }[];
  condition: string | null;
};

type Statement = {
  Sid?: string;
  Effect: string;
  Action: string | string[];
  Resource: string | string[];
  Condition?: Condition;
};

const many = <T>(given: T | T[]): T[] => (Array.isArray(given) ? given : [given]);

/** The actions that a pattern names: `*` is any characters, `?` one; case does not matter. */
function expand(pattern: string): string[] {
  const escaped = pattern.replace(/[.+^${}()|[\]\\]/g, "\\$&");
  const expression = escaped.replaceAll("*", ".*").replaceAll("?", ".");
  const like = new RegExp(`^${expression}$`, "i");
  return ACTIONS.filter((action) => like.test(action));
}

function actionWords(t: TFunction, patterns: string[]): string[] {
  if (patterns.some((one) => one === "*" || one === "dms:*")) return [t("policies.everything")];
  const named = new Set(patterns.flatMap(expand));
  return [...named].map((action) => actionName(t, action));
}

function whereWords(t: TFunction, resource: string, names: Record<string, string>) {
  const known = { text: "", isMissing: false };
  if (resource === "*" || resource === "dms:*") {
    return { ...known, text: t("access.place.everything") };
  }
  if (resource === "dms:folder:*") return { ...known, text: t("access.place.folders") };
  if (resource === "dms:document:*") return { ...known, text: t("access.place.documents") };
  const name = names[resource];
  const text = t(resource.endsWith("/*") ? "access.place.below" : "access.place.here", {
    name: name ?? resource,
  });
  return { text, isMissing: name === undefined };
}

/** The statements of what was found to be a policy, with the names of what it is about. */
export function inWords(
  t: TFunction,
  document: PolicyDocument,
  names: Record<string, string>,
): StatementWords[] {
  return many(document.Statement as Statement | Statement[]).map((statement, index) => ({
    effect: statement.Effect === "Deny" ? "deny" : "allow",
    title:
      statement.Sid === undefined
        ? t("access.statementNumber", { number: index + 1 })
        : t("access.statementNamed", { name: statement.Sid }),
    what: actionWords(t, many(statement.Action)),
    where: many(statement.Resource).map((one) => whereWords(t, one, names)),
    condition:
      statement.Condition === undefined
        ? null
        : t("access.condition", { words: conditionWords(t, statement.Condition) }),
  }));
}
