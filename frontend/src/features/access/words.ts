/** Why somebody may or may not do something, in sentences. Pure. */
import type { TFunction } from "i18next";
import type { AccessAction, Explained, Grant, Principal, Resource, Rule } from "@/api/types";
import { actionVerb, actionVerbInside } from "@/components/actions";
import { formatDay } from "@/components/format";
import { conditionWords } from "./conditions";

/** The folder or document in question, with the folders it stands in, the cabinet first. */
export type Place = { resource: string; name: string; ancestors: { id: number; name: string }[] };

export const writeResource = ({ kind, id }: Resource): string => `dms:${kind}:${id}`;

/** The one folder or document that is named; null for a pattern such as `*`. */
export function readResource(text: string): Resource | null {
  const found = /^dms:(folder|document):(\d+)(\/\*)?$/.exec(text);
  if (found === null) return null;
  return { kind: found[1] === "folder" ? "folder" : "document", id: Number(found[2]) };
}

export const isGroup = ({ principal }: Principal): boolean => principal.startsWith("group:");

/** A document in a folder of which nothing else is known, as the service writes it. */
export const inside = (folder: string): string => `${folder}/*`;

export const isInside = (about: string): boolean => about.endsWith("/*");

/** Whether an action is one for this: a cabinet is deleted by another one than other folders, and never moved. */
export function concerns(action: AccessAction, about: string, { ancestors }: Place): boolean {
  if (about.startsWith("dms:document:")) return true;
  if (isInside(about)) return action !== "dms:access:Manage";
  const isCabinet = ancestors.length === 0;
  if (action === "dms:cabinet:Delete") return isCabinet;
  return !isCabinet || (action !== "dms:folder:Delete" && action !== "dms:folder:Move");
}

/** A person by name, a group as one. */
export const principalWords = (t: TFunction, one: Principal): string =>
  isGroup(one) ? t("access.groupNamed", { name: one.name }) : one.name;

/** The answer itself: “Bob may not read “Lease.pdf”.” */
export function answerWords(
  t: TFunction,
  who: Principal,
  action: AccessAction,
  about: string,
  place: Place,
  allowed: boolean,
): string {
  const verb = isInside(about) ? actionVerbInside(t, action) : actionVerb(t, action);
  const data = { who: sentence(principalWords(t, who)), verb, name: place.name };
  return t(allowed ? "access.answer.may" : "access.answer.mayNot", data);
}

const sentence = (words: string): string => words.charAt(0).toUpperCase() + words.slice(1);

/** What a rule is about: here, a folder above, everything in one, or more than one can name. */
export function placeWords(t: TFunction, rule: Rule, place: Place): string {
  const { resource, stands_on } = rule;
  if (resource === "*") return t("access.place.everything");
  if (resource === "dms:folder:*") return t("access.place.folders");
  if (resource === "dms:document:*") return t("access.place.documents");
  const name = stands_on ?? resource;
  if (resource.endsWith("/*")) return t("access.place.below", { name });
  if (resource === place.resource) return t("access.place.here", { name });
  const depth = place.ancestors.findIndex(({ id }) => resource === `dms:folder:${id}`);
  if (depth < 0) return t("access.place.on", { name });
  return t("access.place.above", { name, count: place.ancestors.length - depth });
}

type Subject = { who: Principal; place: Place; through: Explained["through"] };

/** How the one in question belongs to the group by which a rule holds; null for a rule of their own. */
function membershipWords(t: TFunction, rule: Rule, { who, through }: Subject): string | null {
  if (rule.principal.principal === who.principal) return null;
  const data = { who: sentence(principalWords(t, who)), group: rule.principal.name };
  const between = through[rule.principal.principal] ?? [];
  if (between.length === 0) return t("access.member.direct", data);
  const names = between.map(({ name }) => t("access.quoted", { name })).join(" › ");
  return t("access.member.through", { ...data, names });
}

function grantWords(t: TFunction, rule: Rule, place: Place): string {
  const data = {
    whom: sentence(principalWords(t, rule.principal)),
    where: placeWords(t, rule, place),
    role: rule.role === null ? "" : t(`access.role.${rule.role}`),
  };
  const what = rule.role === null ? "actions" : "role";
  return t(`access.granted.${rule.effect}.${what}`, data);
}

function policyWords(t: TFunction, rule: Rule, place: Place): string {
  const data = {
    policy: rule.policy_name ?? "",
    statement:
      rule.sid === null
        ? t("access.statementNumber", { number: (rule.statement ?? 0) + 1 })
        : t("access.statementNamed", { name: rule.sid }),
    whom: principalWords(t, rule.principal),
    where: placeWords(t, rule, place),
  };
  return t(`access.policy.${rule.effect}`, data);
}

/** Who gave a grant, and when. */
function originWords(t: TFunction, { effect, given_by, given_at }: Rule): string | null {
  if (given_by === null || given_at === null) return null;
  return t(`access.origin.${effect}`, { name: given_by, date: formatDay(given_at) });
}

/** What a rule says and why it concerns them, one sentence each. */
export function ruleWords(t: TFunction, rule: Rule, subject: Subject): string[] {
  const isGrant = rule.grant_id !== null;
  const said = isGrant ? grantWords(t, rule, subject.place) : policyWords(t, rule, subject.place);
  const condition =
    rule.condition === null
      ? null
      : t("access.condition", { words: conditionWords(t, rule.condition) });
  const reason = rule.reason === null ? null : t("access.reasonGiven", { reason: rule.reason });
  const every = [said, membershipWords(t, rule, subject), condition, originWords(t, rule), reason];
  return every.filter((one) => one !== null);
}

/** Whether a rule asks for the address somebody comes from, which is known only when they come. */
export const testsAddress = ({ condition }: Pick<Rule, "condition">): boolean =>
  Object.values(condition ?? {}).some(
    (keys) => typeof keys === "object" && keys !== null && "dms:sourceIp" in keys,
  );

/** Where a rule comes from, in few words: for a row of a table. */
export function sourceWords(t: TFunction, rule: Rule, place: Place): string {
  const source =
    rule.grant_id !== null
      ? t(rule.effect === "allow" ? "access.source.grant" : "access.source.deny")
      : t("access.source.policy", { name: rule.policy_name ?? "" });
  const to = isGroup(rule.principal) ? t("access.source.group", { name: rule.principal.name }) : "";
  return [source, to, placeWords(t, rule, place)].filter(Boolean).join(" ");
}

export type GrantsOfPlace = { resource: string; name: string; inherited: boolean; grants: Grant[] };

/** Grants by the place they stand on: the own first, then those of the folders above, the nearest first. */
export function byPlace(grants: readonly Grant[], place: Place): GrantsOfPlace[] {
  const nearestFirst = [...place.ancestors].reverse();
  const places = [
    { resource: place.resource, name: place.name, inherited: false },
    ...nearestFirst.map(({ id, name }) => ({
      resource: writeResource({ kind: "folder", id }),
      name,
      inherited: true,
    })),
  ];
  return places
    .map((one) => ({ ...one, grants: grants.filter(({ resource }) => resource === one.resource) }))
    .filter((one) => !one.inherited || one.grants.length > 0);
}
