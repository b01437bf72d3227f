/** The roles a grant can give, from the least to the most. */
import type { GrantRole } from "@/api/types";

export const ROLES: readonly GrantRole[] = ["reader", "contributor", "editor", "manager"];

export const asRole = (value: string | null): GrantRole =>
  ROLES.find((role) => role === value) ?? "reader";
