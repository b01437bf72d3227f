/** The steps of signing in, beyond the password. */
import { getPasskey } from "@/api/passkeys";
import { ApiProblem } from "@/api/problem";
import { session } from "@/api/session";
import type { AccessToken, Ceremony, Enrolled, Enrolment } from "@/api/types";

/** What the service asks for next. */
export type Next =
  { kind: "code"; ticket: string; methods: string[] } | { kind: "enrolment"; ticket: string };

/** What an answer to the password asks for next; null where it is a refusal. */
export function nextStep(error: unknown): Next | null {
  if (!(error instanceof ApiProblem) || typeof error.body.ticket !== "string") return null;
  const { ticket, methods } = error.body;
  if (error.code === "enrolment_required") return { kind: "enrolment", ticket };
  if (error.code !== "second_factor_required") return null;
  const known = Array.isArray(methods) ? methods.filter((one) => typeof one === "string") : [];
  return { kind: "code", ticket, methods: known };
}

export const sendCode = (ticket: string, code: string): Promise<AccessToken> =>
  session.enter("second-factor", { ticket, code });

/** By a passkey alone or, with a ticket, as the second factor. */
export async function signInWithPasskey(ticket: string | null): Promise<AccessToken> {
  const begun = await session.step<Ceremony>("passkey/begin", { ticket });
  const credential = await getPasskey(begun.options);
  return session.enter("passkey", { passkey_ticket: begun.ticket, credential, ticket });
}

export const beginEnrolment = (ticket: string): Promise<Enrolment> =>
  session.step("enrolment", { ticket });

export const finishEnrolment = (ticket: string, code: string): Promise<Enrolled> =>
  session.enter("enrolment/confirm", { ticket, code });
