/** Puts an error into words: what happened, and what the reader can do. One place for all codes. */
import type { TFunction } from "i18next";
import { useCallback } from "react";
import { useTranslation } from "react-i18next";
import { PasskeyCancelled } from "@/api/passkeys";
import { ApiProblem, NetworkProblem } from "@/api/problem";
import { actionName } from "./actions";

export type Explanation = { title: string; advice: string };

/** Codes the service uses that have words of their own in `errors.*`. */
const KNOWN = [
  "name_taken",
  "folder_cycle",
  "folder_kind",
  "invalid_credentials",
  "wrong_password",
  "wrong_code",
  "identity_refused",
  "identity_taken",
  "link_needed",
  "provider_failed",
  "invalid_ticket",
  "passkey_refused",
  "passkey_exists",
  "too_many_api_keys",
  "last_administrator",
  "unavailable",
  "upload_incomplete",
  "too_many_attempts",
  "virus_found",
  "upload_too_large",
  "file_type_refused",
  "quota_exceeded",
  "scanner_unavailable",
  "insufficient_storage",
  "parent_trashed",
  "stale",
  "email_taken",
  "no_password",
  "own_credentials",
  "shared_user",
  "group_name_taken",
  "group_cycle",
  "invitation_not_found",
  "invitation_for_another",
  "already_invited",
  "already_member",
  "account_exists",
  "reset_link_not_found",
  "no_mail_server",
  "grant_exceeds",
  "grant_not_found",
  "policy_invalid",
  "policy_name_taken",
  "policy_not_found",
  "principal_not_found",
  "reason_missing",
] as const;

type Known = (typeof KNOWN)[number];

const isKnown = (code: string): code is Known => (KNOWN as readonly string[]).includes(code);

const STATUS_CODES = {
  401: "session_ended",
  403: "forbidden",
  404: "not_found",
  412: "stale",
  413: "upload_too_large",
  422: "invalid",
  429: "too_many_attempts",
  507: "insufficient_storage",
} as const;

const hasWords = (status: number): status is keyof typeof STATUS_CODES => status in STATUS_CODES;

/** For what was filled in wrongly the service knows best what to say. */
function detailOf({ status, body }: ApiProblem): string | null {
  if (status !== 422) return null;
  return body.errors?.map((one) => one.msg).join(" ") ?? body.detail ?? null;
}

/** What was asked for beyond what one holds, by name. */
const actionsOf = (t: TFunction, actions: unknown): string =>
  Array.isArray(actions) ? actions.map((one) => actionName(t, String(one))).join(", ") : "";

function explainProblem(t: TFunction, problem: ApiProblem): Explanation {
  const { code, status, body } = problem;
  const data = {
    signature: typeof body.signature === "string" ? body.signature : "",
    seconds: Math.ceil(problem.retryAfter ?? 60),
    actions: actionsOf(t, body.actions),
  };
  if (isKnown(code)) {
    return { title: t(`errors.${code}.title`, data), advice: t(`errors.${code}.advice`, data) };
  }
  if (hasWords(status)) {
    const name = STATUS_CODES[status];
    return {
      title: t(`errors.${name}.title`, data),
      advice: detailOf(problem) ?? t(`errors.${name}.advice`, data),
    };
  }
  if (status >= 500) return { title: t("errors.server.title"), advice: t("errors.server.advice") };
  return { title: body.title ?? t("errors.server.title"), advice: body.detail ?? "" };
}

export function explain(t: TFunction, error: unknown): Explanation {
  if (error instanceof PasskeyCancelled) {
    return {
      title: t("errors.passkey_cancelled.title"),
      advice: t("errors.passkey_cancelled.advice"),
    };
  }
  if (error instanceof ApiProblem) return explainProblem(t, error);
  if (error instanceof NetworkProblem) {
    return { title: t("errors.network.title"), advice: t("errors.network.advice") };
  }
  return { title: t("errors.unknown.title"), advice: t("errors.unknown.advice") };
}

export function useExplain(): (error: unknown) => Explanation {
  const { t } = useTranslation();
  return useCallback((error) => explain(t, error), [t]);
}
