/** What the addresses of the application may carry, checked before any screen sees it. */
import { FAMILIES, type Family } from "@/components/mediaFamily";
import type { SortField, SortOrder } from "@/api/types";

type Raw = Record<string, unknown>;

function oneOf<T extends string>(value: unknown, allowed: readonly T[]): T | undefined {
  return allowed.find((one) => one === value);
}

/** The router parses `?q=2024` to a number; a search for it is text all the same. */
function text(value: unknown): string | undefined {
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  return typeof value === "string" && value.trim() !== "" ? value : undefined;
}

function positive(value: unknown): number | undefined {
  const number = Number(value);
  return Number.isSafeInteger(number) && number > 0 ? number : undefined;
}

function day(value: unknown): string | undefined {
  const date = text(value);
  return date !== undefined && /^\d{4}-\d{2}-\d{2}$/.test(date) ? date : undefined;
}

export const SORT_FIELDS: readonly SortField[] = ["name", "updated_at", "created_at", "size"];

export type LibrarySearch = { sort?: SortField; order?: SortOrder; view?: "list" | "grid" };

export function librarySearch(raw: Raw): LibrarySearch {
  return {
    sort: oneOf(raw.sort, SORT_FIELDS),
    order: oneOf(raw.order, ["asc", "desc"]),
    view: oneOf(raw.view, ["list", "grid"]),
  };
}

export const DOCUMENT_TABS = ["properties", "versions", "text", "history", "access"] as const;
export type DocumentTab = (typeof DOCUMENT_TABS)[number];
export type DocumentSearch = { tab?: DocumentTab; version?: number; q?: string } & AccessSearch;

export function documentSearch(raw: Raw): DocumentSearch {
  return {
    tab: oneOf(raw.tab, DOCUMENT_TABS),
    version: positive(raw.version),
    q: text(raw.q),
    ...accessSearch(raw),
  };
}

export type AccessSearch = { of?: string };

/** Of whom something is asked: a user or a group, as the service writes them. */
export function accessSearch(raw: Raw): AccessSearch {
  const of = text(raw.of);
  return { of: of !== undefined && /^(user|group):[1-9]\d*$/.test(of) ? of : undefined };
}

export const POLICY_TABS = ["attached", "simulator", "versions"] as const;
export type PolicyTab = (typeof POLICY_TABS)[number];
export type PolicySearch = { tab?: PolicyTab };

export function policySearch(raw: Raw): PolicySearch {
  return { tab: oneOf(raw.tab, POLICY_TABS) };
}

export type PoliciesSearch = { show?: "cabinets" };

export function policiesSearch(raw: Raw): PoliciesSearch {
  return { show: oneOf(raw.show, ["cabinets"]) };
}

export type SearchSearch = {
  q?: string;
  type?: Family;
  tag?: string;
  folder?: number;
  after?: string;
  before?: string;
  sort?: "relevance" | "newest";
};

export function searchSearch(raw: Raw): SearchSearch {
  return {
    q: text(raw.q),
    type: oneOf(raw.type, FAMILIES),
    tag: text(raw.tag),
    folder: positive(raw.folder),
    after: day(raw.after),
    before: day(raw.before),
    sort: oneOf(raw.sort, ["relevance", "newest"]),
  };
}

export type AuditSearch = {
  text?: string;
  action?: string;
  object?: string;
  actor?: number;
  folder?: number;
  address?: string;
  after?: string;
  before?: string;
};

export function auditSearch(raw: Raw): AuditSearch {
  return {
    text: text(raw.text),
    action: text(raw.action),
    object: text(raw.object),
    actor: positive(raw.actor),
    folder: positive(raw.folder),
    address: text(raw.address),
    after: day(raw.after),
    before: day(raw.before),
  };
}

export const INTAKE_STATES = ["filed", "refused", "failed"] as const;
export type IntakeSearch = {
  source?: number;
  state?: (typeof INTAKE_STATES)[number];
  document?: number;
};

export function intakeSearch(raw: Raw): IntakeSearch {
  return {
    source: positive(raw.source),
    state: oneOf(raw.state, INTAKE_STATES),
    document: positive(raw.document),
  };
}

export const SIGN_IN_VIEWS = ["policy", "keys", "accounts"] as const;
export type SignInView = (typeof SIGN_IN_VIEWS)[number];
export const KEY_STATES = ["used", "idle", "expired"] as const;
export type SignInSearch = { show?: SignInView; q?: string; state?: (typeof KEY_STATES)[number] };

export function signInSearch(raw: Raw): SignInSearch {
  return {
    show: oneOf(raw.show, SIGN_IN_VIEWS),
    q: text(raw.q),
    state: oneOf(raw.state, KEY_STATES),
  };
}

export type LoginSearch = { redirect?: string; problem?: string };

/** Only a path of our own: an address with a host would send people elsewhere after sign-in. */
export function loginSearch(raw: Raw): LoginSearch {
  const redirect = text(raw.redirect);
  // Browsers drop tabs and line breaks from addresses: "/<tab>/evil.example" is "//evil.example" to them.
  const ours = redirect !== undefined && /^\/(?![/\\])[^\p{Cc}]*$/u.test(redirect);
  const problem = text(raw.problem);
  return { ...(ours ? { redirect } : {}), ...(problem === undefined ? {} : { problem }) };
}
