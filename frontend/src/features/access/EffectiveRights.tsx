/** What somebody may do here, action by action, and why: each row opens to its explanation. */
import { Collapse, Skeleton, Stack, Text, Title, UnstyledButton } from "@mantine/core";
import { IconCheck, IconChevronRight, IconX } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { effectiveQuery } from "@/api/queries";
import type { EffectiveAction, Principal } from "@/api/types";
import { actionHere, actionName, inOrder } from "@/components/actions";
import { ErrorState } from "@/components/States";
import classes from "./Access.module.css";
import { Explanation } from "./Explanation";
import { concerns, inside, isInside, principalWords, sourceWords, type Place } from "./words";

type EffectiveRightsProps = { principal: string; place: Place };

export function EffectiveRights({ principal, place }: EffectiveRightsProps) {
  const { t } = useTranslation();
  const isFolder = place.resource.startsWith("dms:folder:");
  return (
    <Stack gap="md">
      <Rights principal={principal} about={place.resource} place={place} />
      {isFolder && (
        <div>
          <Title order={3} className={classes.heading}>
            {t("access.insideHeading")}
          </Title>
          <Text size="xs" c="dimmed">
            {t("access.insideText")}
          </Text>
          <Rights principal={principal} about={inside(place.resource)} place={place} />
        </div>
      )}
    </Stack>
  );
}

type RightsProps = EffectiveRightsProps & {
  /** What is asked about: the place itself, or the documents in it. */
  about: string;
};

function Rights({ principal, about, place }: RightsProps) {
  const { t } = useTranslation();
  const rights = useQuery(effectiveQuery(principal, about));
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
  const actions = rights.data.actions
    .filter(({ action }) => concerns(action, about, place))
    .sort((a, b) => inOrder(a.action, b.action));
  const label = isInside(about)
    ? t("access.insideHeading")
    : t("access.rightsOf", { who: principalWords(t, who), name: place.name });
  return (
    <ul className={classes.list} aria-label={label}>
      {actions.map((one, index) => (
        <Right
          key={`${principal} ${one.action}`}
          right={one}
          who={who}
          about={about}
          place={place}
          // The first is whether it may be seen at all: what is asked most.
          initially={index === 0 && !isInside(about)}
        />
      ))}
    </ul>
  );
}

type RightProps = {
  right: EffectiveAction;
  who: Principal;
  about: string;
  place: Place;
  initially: boolean;
};

function Right({ right, who, about, place, initially }: RightProps) {
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
        <span className={classes.rightName}>
          {isInside(about) ? actionName(t, action) : actionHere(t, action)}
        </span>
        <span className={allowed ? classes.yes : classes.no}>
          {t(allowed ? "access.allowed" : "access.notAllowed")}
        </span>
        <IconChevronRight size={14} className={classes.chevron} aria-hidden />
        {!opened && (
          <span className={classes.source}>
            {decided_by === null ? t("access.nothingAllows") : sourceWords(t, decided_by, place)}
          </span>
        )}
      </UnstyledButton>
      <Collapse expanded={opened}>
        {opened && <Explanation who={who} action={action} about={about} place={place} />}
      </Collapse>
    </li>
  );
}
