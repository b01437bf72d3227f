import { useSuspenseQuery } from "@tanstack/react-query";
import { meQuery } from "@/api/queries";
import type { Me } from "@/api/types";

/** The signed-in person; the route has loaded it before any screen renders. */
export function useMe(): Me & {
  isAdministrator: boolean;
  isAuditor: boolean;
  readsTrail: boolean;
} {
  const { data } = useSuspenseQuery(meQuery);
  const isAdministrator = data.role === "administrator";
  const isAuditor = data.role === "auditor";
  return { ...data, isAdministrator, isAuditor, readsTrail: isAdministrator || isAuditor };
}
