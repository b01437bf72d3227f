/** What is being written and not saved yet: it is never lost to somebody else's change, nor to a link clicked by mistake. */
import { modals } from "@mantine/modals";
import { useBlocker } from "@tanstack/react-router";
import { useState } from "react";
import { i18next } from "@/i18n";

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

function askToLeave(): Promise<boolean> {
  return new Promise((resolve) => {
    modals.openConfirmModal({
      title: i18next.t("policies.leaveTitle"),
      children: i18next.t("policies.leaveText"),
      labels: { confirm: i18next.t("policies.leave"), cancel: i18next.t("policies.stay") },
      confirmProps: { color: "red" },
      onConfirm: () => resolve(true),
      onClose: () => resolve(false),
    });
  });
}

/** Asks before an unsaved draft is left. */
export function useLeaveGuard(isChanged: boolean): void {
  useBlocker({
    // Another tab of the same page leaves nothing.
    shouldBlockFn: async ({ current, next }) =>
      current.pathname !== next.pathname && !(await askToLeave()),
    enableBeforeUnload: isChanged,
    disabled: !isChanged,
  });
}
