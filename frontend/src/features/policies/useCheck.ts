/** What is wrong with a policy's text: told while it is typed, by the service that will have to accept it. */
import { useDebouncedValue } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import type { TFunction } from "i18next";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { simulateAccess } from "@/api/calls";
import { isProblem } from "@/api/problem";
import { keys } from "@/api/queries";
import { locate, readPolicy, type Fault, type PolicyDocument } from "./policyText";

const PAUSE_MS = 350;

export const read = (t: TFunction, text: string) =>
  readPolicy(text, { notJson: t("policies.notJson"), notObject: t("policies.notObject") });

/** The faults that a refusal names, each where its JSON pointer points. */
export function faultsOf(error: unknown, text: string): Fault[] | null {
  if (!isProblem(error, "policy_invalid")) return null;
  const named = error.body.errors as unknown as { pointer: string; detail: string }[];
  return named.map(({ pointer, detail }) => locate(text, pointer, detail));
}

type Answer = { faults: Fault[]; names: Names };
type Names = Record<string, string>;

async function check(document: PolicyDocument, text: string): Promise<Answer> {
  try {
    // For nobody: it costs nothing, and what is no policy is refused all the same.
    const { named } = await simulateAccess({ document, action: "dms:document:Read" });
    return { faults: [], names: named };
  } catch (error) {
    const faults = faultsOf(error, text);
    if (faults === null) throw error;
    return { faults, names: {} };
  }
}

export type Checked = {
  text: string;
  faults: readonly Fault[];
  /** Whether the text is a policy; not while it is being looked at. */
  isValid: boolean;
  /** What the text says, where it is a policy, and the names of the folders and documents it is about. */
  says: { document: PolicyDocument; names: Names } | null;
};

export function useCheck(text: string): Checked {
  const { t } = useTranslation();
  const [settled] = useDebouncedValue(text, PAUSE_MS);
  const found = useMemo(() => read(t, settled), [t, settled]);
  const document = "document" in found ? found.document : null;
  const asked = useQuery({
    queryKey: [...keys.policies, "check", settled],
    queryFn: () => (document === null ? null : check(document, settled)),
    enabled: document !== null,
    staleTime: Infinity,
    gcTime: 60_000,
  });
  return useMemo(() => {
    if ("fault" in found) {
      return { text: settled, faults: [found.fault], isValid: false, says: null };
    }
    const { faults, names } = asked.data ?? { faults: [], names: {} };
    const isPolicy = asked.isSuccess && faults.length === 0;
    return {
      text: settled,
      faults,
      isValid: isPolicy && settled === text,
      says: isPolicy ? { document: found.document, names } : null,
    };
  }, [found, asked.data, asked.isSuccess, settled, text]);
}
