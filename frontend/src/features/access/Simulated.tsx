/** What a change would give and take: two lists, counted, of people with documents and folders they know. */
import { Alert, Skeleton, Stack, Text } from "@mantine/core";
import { IconAlertTriangle, IconMinus, IconPlus } from "@tabler/icons-react";
import { useQuery, type UseQueryResult } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { simulationQuery } from "@/api/queries";
import type { Principal, SimulatedChange, SimulatedUser, Simulation } from "@/api/types";
import { useMe } from "@/app/useMe";
import { formatCount } from "@/components/format";
import { ErrorNote } from "@/features/library/dialogs";
import classes from "./Access.module.css";
import { PrincipalMark } from "./PrincipalMark";
import { felt } from "./simulation";
import { isGroup } from "./words";

type Direction = "gained" | "lost";

/** Asks what a change would do, and shows it. */
export function Simulated({ change }: { change: SimulatedChange }) {
  const { t } = useTranslation();
  const query = useQuery(simulationQuery(change));
  const asksForAddress = JSON.stringify(change.document ?? {}).includes('"dms:sourceIp"');
  return (
    <Stack gap="sm">
      {asksForAddress && (
        <Text size="sm" c="dimmed">
          {t("simulation.noAddress")}
        </Text>
      )}
      <SimulationResult query={query} />
    </Stack>
  );
}

function SimulationResult({ query }: { query: UseQueryResult<Simulation> }) {
  const { t } = useTranslation();
  if (query.isError) return <ErrorNote error={query.error} />;
  if (query.isPending) {
    return (
      <Stack gap="xs" role="status" aria-label={t("simulation.running")}>
        <Skeleton height={20} width="70%" />
        <Skeleton height={44} />
      </Stack>
    );
  }
  return <Result of={query.data} />;
}

function Result({ of }: { of: Simulation }) {
  const { t } = useTranslation();
  const { user } = useMe();
  const { gained, lost, untouched } = felt(of);
  const iLose = lost.some((one) => one.user.principal === `user:${user.id}`);
  return (
    <Stack gap="sm" role="region" aria-label={t("simulation.title")}>
      {of.is_partial && (
        <Alert
          color="yellow"
          icon={<IconAlertTriangle size={18} />}
          title={t("simulation.partial")}
        >
          {t("simulation.partialText", {
            looked: formatCount(of.users.length),
            total: formatCount(of.affected_users),
          })}
        </Alert>
      )}
      {iLose && (
        <Alert
          color="orange"
          icon={<IconAlertTriangle size={18} />}
          title={t("simulation.youLose")}
        >
          {t("simulation.youLoseText")}
        </Alert>
      )}
      {of.affected_users === 0 && <Text size="sm">{t("simulation.nobody")}</Text>}
      {gained.length > 0 && <Half users={gained} direction="gained" most={of.most_counted} />}
      {lost.length > 0 && <Half users={lost} direction="lost" most={of.most_counted} />}
      {untouched > 0 && (
        <Text size="sm" c="dimmed">
          {untouched === of.users.length
            ? t("simulation.nothing", { count: untouched })
            : t("simulation.untouched", { count: untouched })}
        </Text>
      )}
    </Stack>
  );
}

type HalfProps = { users: SimulatedUser[]; direction: Direction; most: number };

function Half({ users, direction, most }: HalfProps) {
  const { t } = useTranslation();
  const heading = t(`simulation.${direction}`, { count: users.length });
  return (
    <section className={classes.half} data-direction={direction} aria-label={heading}>
      <Text size="sm" fw={600} className={classes.halfHead}>
        {direction === "gained" ? (
          <IconPlus size={15} aria-hidden />
        ) : (
          <IconMinus size={15} aria-hidden />
        )}
        {heading}
      </Text>
      <ul className={classes.list}>
        {users.map((one) => (
          <li key={one.user.principal} className={classes.row}>
            <PrincipalMark principal={one.user} />
            <div className={classes.text}>
              <Person of={one} />
              <What of={one} direction={direction} most={most} />
            </div>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Person({ of }: { of: SimulatedUser }) {
  const { t } = useTranslation();
  const groups = of.concerned_by.filter((one: Principal) => isGroup(one));
  const names = groups.map(({ name }) => t("access.quoted", { name })).join(", ");
  return (
    <Text size="sm" fw={550} className={classes.wrap}>
      {of.user.name}
      {names !== "" && (
        <Text span size="xs" c="dimmed">
          {" "}
          {t("simulation.byGroup", { names })}
        </Text>
      )}
    </Text>
  );
}

type WhatProps = { of: SimulatedUser; direction: Direction; most: number };

function What({ of, direction, most }: WhatProps) {
  const { t } = useTranslation();
  const gains = direction === "gained";
  const documents = gains ? of.gained : of.lost;
  const folders = gains ? of.folders_gained : of.folders_lost;
  const count = (what: "documents" | "folders", number: number): string =>
    number >= most
      ? t(`simulation.${what}AtLeast`, { formatted: formatCount(number) })
      : t(`simulation.${what}`, { count: number, formatted: formatCount(number) });
  const counts = [
    ...(documents > 0 ? [count("documents", documents)] : []),
    ...(folders > 0 ? [count("folders", folders)] : []),
  ];
  const known = gains ? of.gained_sample : of.lost_sample;
  const knownFolders = gains ? of.folders_gained_sample : of.folders_lost_sample;
  return (
    <>
      <Text size="sm">{counts.join(", ")}</Text>
      <ul className={classes.samples}>
        {known.map((document) => (
          <li key={document.id}>
            <Link to="/documents/$documentId" params={{ documentId: document.id }} target="_blank">
              {document.name}
            </Link>{" "}
            <span>{t("simulation.inFolder", { name: document.folder_name })}</span>
          </li>
        ))}
        {knownFolders.map((folder) => (
          <li key={`f${folder.id}`}>
            <Link to="/library/$folderId" params={{ folderId: folder.id }} target="_blank">
              {folder.name}
            </Link>{" "}
            <span>{t("simulation.aFolder")}</span>
          </li>
        ))}
      </ul>
      {known.length + knownFolders.length === 0 && (
        <Text size="xs" c="dimmed">
          {t("simulation.notYours")}
        </Text>
      )}
    </>
  );
}
