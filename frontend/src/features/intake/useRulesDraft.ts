/** The rules while they are being written: never lost to what somebody else saves meanwhile. */
import { useMemo, useState } from "react";
import type { IntakeRules } from "@/api/types";
import { draftOfRule, type RuleDraft, sameRules } from "./ruleDraft";

type Edited = {
  rules: RuleDraft[];
  /** The revision of the list that it is based on. */
  basis: number;
};

export type RulesDraft = {
  rules: readonly RuleDraft[];
  basis: number;
  isChanged: boolean;
  /** Whether somebody else has saved another list since. */
  isStale: boolean;
  change: (next: (rules: readonly RuleDraft[]) => RuleDraft[]) => void;
  discard: () => void;
  /** What is written is from now on based on the newest list, which it will replace. */
  keepMine: () => void;
};

export function useRulesDraft({ items, revision }: IntakeRules): RulesDraft {
  const [edited, setEdited] = useState<Edited | null>(null);
  const saved = useMemo(() => items.map(draftOfRule), [items]);
  const rules = edited?.rules ?? saved;
  const basis = edited?.basis ?? revision;
  const isChanged = edited !== null && !sameRules(edited.rules, saved);
  return {
    rules,
    basis,
    isChanged,
    isStale: isChanged && basis !== revision,
    change: (next) =>
      setEdited((old) => ({ rules: next(old?.rules ?? saved), basis: old?.basis ?? revision })),
    discard: () => setEdited(null),
    keepMine: () => setEdited((old) => old && { ...old, basis: revision }),
  };
}
