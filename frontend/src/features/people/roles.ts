/** The roles in an organisation, as people choose among them. */
import type { TFunction } from "i18next";
import type { Role } from "@/api/types";

const ROLES: readonly Role[] = ["member", "administrator", "auditor"];

export const roleChoices = (t: TFunction) =>
  ROLES.map((value) => ({ value, label: t(`users.${value}`) }));

export const asRole = (value: string | null): Role =>
  ROLES.find((role) => role === value) ?? "member";
