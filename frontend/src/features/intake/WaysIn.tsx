/** What the three pages about ways in have in common: who may see them, the head, and the way between them. */
import { SegmentedControl, Text } from "@mantine/core";
import { useDocumentTitle } from "@mantine/hooks";
import { IconLock } from "@tabler/icons-react";
import { useNavigate } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useMe } from "@/app/useMe";
import { PageHead } from "@/components/PageHead";
import { Message } from "@/components/States";
import storage from "@/features/admin/StoragePage.module.css";
import classes from "./Intake.module.css";

const PLACES = {
  sources: "/ways-in",
  items: "/ways-in/items",
  rules: "/ways-in/rules",
} as const;

type View = keyof typeof PLACES;

const VIEWS: readonly View[] = ["sources", "items", "rules"];

type WaysInProps = { view: View; action?: ReactNode; children: ReactNode };

/** What only administrators see; others are told so. */
export function ForAdministrators({ children }: { children: ReactNode }) {
  const { t } = useTranslation();
  useDocumentTitle(`${t("intake.title")} · ${t("app.name")}`);
  const { isAdministrator } = useMe();
  if (isAdministrator) return children;
  return <Message icon={IconLock} title={t("users.forbiddenTitle")} text={t("intake.forbidden")} />;
}

export function WaysIn({ view, action, children }: WaysInProps) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  return (
    <>
      <PageHead title={t("intake.title")}>{action}</PageHead>
      <SegmentedControl
        mx="md"
        mt="xs"
        className={classes.choice ?? ""}
        aria-label={t("intake.views.label")}
        data={VIEWS.map((value) => ({ value, label: t(`intake.views.${value}`) }))}
        value={view}
        onChange={(value) => {
          const next = VIEWS.find((one) => one === value) ?? "sources";
          void navigate({ to: PLACES[next] });
        }}
      />
      <div
        className={storage.page}
        tabIndex={0}
        role="region"
        aria-label={t(`intake.views.${view}`)}
      >
        <Text size="sm" c="dimmed" py="xs">
          {t(`intake.about.${view}`)}
        </Text>
        {children}
      </div>
    </>
  );
}
