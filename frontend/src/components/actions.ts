/** The actions that access is about, by names people know. */
import type { TFunction } from "i18next";
import type { AccessAction } from "@/api/types";

/** Each action's key among the words, which may hold no colon; those that are asked about most come first. */
const KEYS = {
  "dms:folder:List": "folderList",
  "dms:folder:Create": "folderCreate",
  "dms:folder:Update": "folderUpdate",
  "dms:folder:Move": "folderMove",
  "dms:folder:Delete": "folderDelete",
  "dms:folder:Restore": "folderRestore",
  "dms:folder:Purge": "folderPurge",
  "dms:document:Read": "documentRead",
  "dms:document:Create": "documentCreate",
  "dms:document:Update": "documentUpdate",
  "dms:document:Move": "documentMove",
  "dms:document:Delete": "documentDelete",
  "dms:document:Restore": "documentRestore",
  "dms:document:Purge": "documentPurge",
  "dms:document:Lock": "documentLock",
  "dms:cabinet:Create": "cabinetCreate",
  "dms:cabinet:Delete": "cabinetDelete",
  "dms:access:Manage": "accessManage",
} as const satisfies Record<AccessAction, string>;

export const ACTIONS = Object.keys(KEYS) as AccessAction[];

const isAction = (name: string): name is AccessAction => name in KEYS;

export const inOrder = (one: AccessAction, other: AccessAction): number =>
  ACTIONS.indexOf(one) - ACTIONS.indexOf(other);

/** The actions a document has; grants on folders speak of these, and of those a folder has. */
export const isOfDocuments = (action: AccessAction): boolean =>
  action === "dms:access:Manage" ||
  (action.startsWith("dms:document:") && action !== "dms:document:Create");

/** As the name of a right: “Read documents”. */
export const actionName = (t: TFunction, action: string): string =>
  isAction(action) ? t(`access.action.${KEYS[action]}`) : action;

/** As what may be done to the one thing that is looked at: “Read it”. */
export const actionHere = (t: TFunction, action: AccessAction): string =>
  t(`access.here.${KEYS[action]}`);

/** Of documents in a folder: “read documents in”. */
export const actionVerbInside = (t: TFunction, action: AccessAction): string =>
  t("access.inside", { what: lowerFirst(actionName(t, action)) });

const lowerFirst = (words: string): string => words.charAt(0).toLowerCase() + words.slice(1);

/** As what somebody may do to something that is named next: “read”. */
export const actionVerb = (t: TFunction, action: AccessAction): string =>
  t(`access.verb.${KEYS[action]}`);
