/** Who may do what here, and why: the same parts beside a document and on a page of their own. */
import {
  CopyButton,
  Group,
  SegmentedControl,
  Skeleton,
  Stack,
  Text,
  UnstyledButton,
} from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { accessResourceQuery, effectiveQuery } from "@/api/queries";
import type { Resource } from "@/api/types";
import { useMe } from "@/app/useMe";
import { ErrorState } from "@/components/States";
import classes from "./Access.module.css";
import { EffectiveRights } from "./EffectiveRights";
import { Grants } from "./Grants";
import { PrincipalSelect } from "./PrincipalSelect";
import { WhoCan } from "./WhoCan";
import { writeResource, type Place } from "./words";

type View = "grants" | "why" | "who";

const asView = (value: string): View => (value === "why" || value === "who" ? value : "grants");

type AccessPanelProps = {
  resource: Resource;
  /** Of whom is asked what they may, as the service writes them. */
  of: string | undefined;
  onAsk: (principal: string | undefined) => void;
  /** Side by side where there is room, rather than one after the other. */
  wide?: boolean;
};

export function AccessPanel(props: AccessPanelProps) {
  const { resource } = props;
  const { user } = useMe();
  const { t } = useTranslation();
  const found = useQuery(accessResourceQuery(writeResource(resource)));
  if (found.isError) return <ErrorState error={found.error} />;
  if (found.isPending) return <Skeleton height={120} />;
  const place = found.data;
  if (place.may_manage) return <Managed {...props} place={place} />;
  return (
    <Stack gap="sm">
      <Text size="sm" c="dimmed">
        {t("access.ownOnly")}
      </Text>
      <EffectiveRights principal={`user:${user.id}`} place={place} />
    </Stack>
  );
}

function Managed({
  resource,
  place,
  of,
  onAsk,
  wide = false,
}: AccessPanelProps & { place: Place }) {
  const { t } = useTranslation();
  const [view, setView] = useState<View>(of === undefined ? "grants" : "why");
  const ask = (principal: string) => {
    setView("why");
    onAsk(principal);
  };
  const shown = wide && view === "grants" ? "why" : view;
  const choices = (["grants", "why", "who"] as const).slice(wide ? 1 : 0);
  const grants = <Grants resource={resource} place={place} onAsk={ask} />;
  const questions = (
    <Stack gap="md">
      <SegmentedControl
        fullWidth
        aria-label={t("access.views")}
        data={choices.map((one) => ({ value: one, label: t(`access.view.${one}`) }))}
        value={shown}
        onChange={(value) => setView(asView(value))}
      />
      {shown === "grants" && grants}
      {shown === "why" && <Why place={place} of={of} onAsk={onAsk} />}
      {shown === "who" && <WhoCan resource={resource} place={place} onAsk={ask} />}
      <ResourceName name={place.resource} />
    </Stack>
  );
  if (!wide) return questions;
  return (
    <div className={classes.columns}>
      <section aria-label={t("access.view.grants")}>{grants}</section>
      <section aria-label={t("access.views")}>{questions}</section>
    </div>
  );
}

type WhyProps = { place: Place; of: string | undefined; onAsk: AccessPanelProps["onAsk"] };

function Why({ place, of, onAsk }: WhyProps) {
  const { t } = useTranslation();
  const { user } = useMe();
  const asked = of ?? `user:${user.id}`;
  const rights = useQuery(effectiveQuery(asked, place.resource));
  return (
    <Stack gap="sm">
      <PrincipalSelect
        label={t("access.ofWhom")}
        value={rights.data?.principal ?? null}
        onChange={(one) => onAsk(one?.principal)}
      />
      <EffectiveRights principal={asked} place={place} />
    </Stack>
  );
}

/** How a policy calls this: what one needs to write one. */
function ResourceName({ name }: { name: string }) {
  const { t } = useTranslation();
  return (
    <Group gap={6} className={classes.resourceName}>
      <span>{t("access.inPolicies")}</span>
      <CopyButton value={name}>
        {({ copied, copy }) => (
          <UnstyledButton className={classes.code} title={t("common.copy")} onClick={copy}>
            {copied ? t("common.copied") : name}
          </UnstyledButton>
        )}
      </CopyButton>
    </Group>
  );
}
