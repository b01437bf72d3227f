/** Asks before what is written and not saved yet is left. */
import { modals } from "@mantine/modals";
import { useBlocker } from "@tanstack/react-router";
import { i18next } from "@/i18n";

function askToLeave(title: string): Promise<boolean> {
  return new Promise((resolve) => {
    modals.openConfirmModal({
      title,
      children: i18next.t("leave.text"),
      labels: { confirm: i18next.t("leave.leave"), cancel: i18next.t("leave.stay") },
      confirmProps: { color: "red" },
      onConfirm: () => resolve(true),
      onClose: () => resolve(false),
    });
  });
}

/** While something is changed, whoever goes elsewhere is asked, under this title. */
export function useLeaveGuard(isChanged: boolean, title: string): void {
  useBlocker({
    // Another tab of the same page leaves nothing.
    shouldBlockFn: async ({ current, next }) =>
      current.pathname !== next.pathname && !(await askToLeave(title)),
    enableBeforeUnload: isChanged,
    disabled: !isChanged,
  });
}
