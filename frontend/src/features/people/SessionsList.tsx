/** Where somebody is signed in, each with a way to end it: one's own sessions, or a user's. */
import { Badge, Button, Group, Stack, Text } from "@mantine/core";
import { IconDeviceDesktop, IconDeviceMobile } from "@tabler/icons-react";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { endMyOtherSessions, endMySession, endUserSession, endUserSessions } from "@/api/calls";
import { mySessionsQuery, queryClient, userSessionsQuery } from "@/api/queries";
import type { Session, User } from "@/api/types";
import { useMe } from "@/app/useMe";
import { notifyDone, notifyError } from "@/components/notify";
import { ErrorState, RowSkeletons } from "@/components/States";
import { When } from "@/components/When";
import { deviceOf } from "./device";
import classes from "./People.module.css";

const MOBILE = new Set(["iPhone", "iPad", "Android"]);

export function MySessions() {
  const sessions = useQuery(mySessionsQuery);
  return (
    <SessionsList
      sessions={sessions}
      onEnd={endMySession}
      onEndAll={endMyOtherSessions}
      changed={() => queryClient.invalidateQueries({ queryKey: mySessionsQuery.queryKey })}
    />
  );
}

export function UserSessions({ user }: { user: User }) {
  const query = userSessionsQuery(user.id);
  const sessions = useQuery(query);
  return (
    <SessionsList
      sessions={sessions}
      onEnd={(id) => endUserSession(user.id, id)}
      onEndAll={() => endUserSessions(user.id)}
      changed={() => queryClient.invalidateQueries({ queryKey: query.queryKey })}
    />
  );
}

type SessionsListProps = {
  sessions: { data: Session[] | undefined; error: Error | null; isPending: boolean };
  onEnd: (id: string) => Promise<unknown>;
  onEndAll: () => Promise<{ ended: number }>;
  changed: () => Promise<void>;
};

function SessionsList({ sessions, onEnd, onEndAll, changed }: SessionsListProps) {
  const { t } = useTranslation();
  const end = useMutation({ mutationFn: onEnd, onError: notifyError, onSettled: changed });
  const endAll = useMutation({
    mutationFn: onEndAll,
    onSuccess: ({ ended }) => notifyDone(t("people.sessions.ended", { count: ended })),
    onError: notifyError,
    onSettled: changed,
  });
  if (sessions.error) return <ErrorState error={sessions.error} />;
  if (sessions.isPending) return <RowSkeletons count={3} />;
  const found = sessions.data ?? [];
  const others = found.filter((one) => !one.current);
  return (
    <Stack gap="sm">
      {found.length === 0 && (
        <Text size="sm" c="dimmed" ta="center" py="sm">
          {t("people.sessions.none")}
        </Text>
      )}
      <ul className={classes.plain}>
        {found.map((one) => (
          <SessionRow
            key={one.id}
            session={one}
            busy={end.isPending}
            onEnd={() => end.mutate(one.id)}
          />
        ))}
      </ul>
      {others.length > 1 && (
        <Group justify="flex-end">
          <Button
            variant="default"
            color="red"
            loading={endAll.isPending}
            onClick={() => endAll.mutate()}
          >
            {others.length === found.length
              ? t("people.sessions.endAll")
              : t("people.sessions.endOthers")}
          </Button>
        </Group>
      )}
    </Stack>
  );
}

type SessionRowProps = { session: Session; busy: boolean; onEnd: () => void };

function SessionRow({ session, busy, onEnd }: SessionRowProps) {
  const { t } = useTranslation();
  const { organisation } = useMe();
  const { browser, system } = deviceOf(session.user_agent ?? "");
  const name =
    browser && system
      ? t("people.sessions.device", { browser, system })
      : (browser ?? system ?? t("people.sessions.unknownDevice"));
  const Glyph = MOBILE.has(system ?? "") ? IconDeviceMobile : IconDeviceDesktop;
  const elsewhere = session.organisation.id !== organisation.id;
  return (
    <li className={classes.session}>
      <Glyph size={20} stroke={1.6} aria-hidden />
      <div className={classes.text}>
        <Text size="sm" fw={550} title={session.user_agent ?? undefined} truncate>
          {name}
        </Text>
        <Text size="xs" c="dimmed">
          {elsewhere && `${session.organisation.name} · `}
          {session.address !== null && `${session.address} · `}
          {t("people.sessions.since")} <When at={session.started_at} /> ·{" "}
          {t("people.sessions.used")} <When at={session.last_used_at} />
        </Text>
      </div>
      {session.current ? (
        <Badge color="teal" variant="light">
          {t("people.sessions.current")}
        </Badge>
      ) : (
        <Button
          size="compact-xs"
          variant="default"
          disabled={busy}
          aria-label={t("people.sessions.endOf", { device: name })}
          onClick={onEnd}
        >
          {t("people.sessions.end")}
        </Button>
      )}
    </li>
  );
}
