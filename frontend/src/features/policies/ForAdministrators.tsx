/** What only administrators see; others are told so. */
import { IconLock } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useMe } from "@/app/useMe";
import { Message } from "@/components/States";

export function ForAdministrators({ children }: { children: ReactNode }) {
  const { t } = useTranslation();
  const { isAdministrator } = useMe();
  if (isAdministrator) return children;
  return (
    <Message icon={IconLock} title={t("users.forbiddenTitle")} text={t("policies.forbidden")} />
  );
}
