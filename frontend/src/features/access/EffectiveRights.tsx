/** What somebody may do here, action by action, and why: each row opens to its explanation. */
import { Collapse, Skeleton, Stack, Text, UnstyledButton } from "@mantine/core";
import { IconCheck, IconChevronRight, IconX } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { effectiveQuery } from "@/api/queries";
import type { EffectiveAction, Principal } from "@/api/types";
import { actionHere } from "@/components/actions";
import { ErrorState } from "@/components/States";
import classes from "./Access.module.css";
import { Explanation } from "./Explanation";
import { concerns, principalWords, sourceWords, type Place } from "./words";

type EffectiveRightsProps = { principal: string; place: Place };

export function EffectiveRights({ principal, place }: EffectiveRightsProps) {
  const { t } = useTranslation();
  const rights = useQuery(effectiveQuery(principal, place.resource));
  if (rights.isError) return <ErrorState error={rights.error} />;
  if (rights.isPending) {
    return (
      <Stack gap="xs">
        <Skeleton height={28} />
        <Skeleton height={28} />
        <Skeleton height={28} />
      </Stack>
    );
  }
  const who = rights.data.principal;
  const actions = rights.data.actions.filter(({ action }) => concerns(action, place));
  const count = actions.filter(({ allowed }) => allowed).length;
  const heading = t("access.rightsOf", { who: principalWords(t, who), name: place.name });
  return (
    <section aria-label={heading}>
      <Text size="sm" c="dimmed" mb={6} aria-live="polite">
        {t("access.rightsCount", { count, total: actions.length, who: who.name })}
      </Text>
      <ul className={classes.list}>
        {actions.map((one, index) => (
          <Right
            key={`${principal} ${one.action}`}
            right={one}
            who={who}
            place={place}
            // The first is whether it may be seen at all: what is asked most.
            initially={index === 0}
          />
        ))}
      </ul>
    </section>
  );
}

type RightProps = { right: EffectiveAction; who: Principal; place: Place; initially: boolean };

function Right({ right, who, place, initially }: RightProps) {
  const { t } = useTranslation();
  const [opened, setOpened] = useState(initially);
  const { action, allowed, decided_by } = right;
  return (
    <li className={classes.right}>
      <UnstyledButton
        className={classes.rightHead}
        aria-expanded={opened}
        onClick={() => setOpened(!opened)}
      >
        {allowed ? (
          <IconCheck size={17} className={classes.yes} aria-hidden />
        ) : (
          <IconX size={17} className={classes.no} aria-hidden />
        )}
        <span className={classes.rightName}>{actionHere(t, action)}</span>
        <span className={allowed ? classes.yes : classes.no}>
          {t(allowed ? "access.allowed" : "access.notAllowed")}
        </span>
        <IconChevronRight size={14} className={classes.chevron} aria-hidden />
        {!opened && (
          <span className={classes.source}>
            {decided_by === null ? t("access.nobodyGave") : sourceWords(t, decided_by, place)}
          </span>
        )}
      </UnstyledButton>
      <Collapse expanded={opened}>
        {opened && <Explanation who={who} action={action} place={place} />}
      </Collapse>
    </li>
  );
}
