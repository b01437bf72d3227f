/** What of a policy is being written and not saved yet: it is never lost to somebody else's change. */
import { useState } from "react";

export type Draft = {
  name: string;
  description: string;
  text: string;
  /** The version it is based on. */
  version: number;
};

export function useDraft(saved: Draft) {
  const [edited, setEdited] = useState<Draft | null>(null);
  const draft = edited ?? saved;
  const isChanged =
    draft.name !== saved.name ||
    draft.description !== saved.description ||
    draft.text !== saved.text;
  return {
    draft,
    isChanged,
    change: (part: Partial<Draft>) => setEdited((old) => ({ ...(old ?? saved), ...part })),
    reset: () => setEdited(null),
  };
}
