/** The audit trail: what was done, by whom and from where; and how far it is sealed and signed. */
import {
  Button,
  Collapse,
  Group,
  Menu,
  Select,
  Text,
  TextInput,
  UnstyledButton,
} from "@mantine/core";
import { useDebouncedCallback, useDocumentTitle } from "@mantine/hooks";
import {
  IconChevronRight,
  IconDownload,
  IconHistoryOff,
  IconLock,
  IconSignature,
} from "@tabler/icons-react";
import { keepPreviousData, useInfiniteQuery, useMutation, useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { createAuditCheckpoint, exportAudit, type AuditQuery } from "@/api/calls";
import { auditActionsQuery, auditChainQuery, auditEventsQuery, queryClient } from "@/api/queries";
import type { AuditChain, AuditEvent, Checkpoint } from "@/api/types";
import type { AuditSearch } from "@/app/search-params";
import { useMe } from "@/app/useMe";
import { Changes, showValue } from "@/components/Changes";
import { formatCount } from "@/components/format";
import { notifyDone, notifyError } from "@/components/notify";
import { PageHead } from "@/components/PageHead";
import { saveFile } from "@/components/saveFile";
import { ErrorState, Message, RowSkeletons } from "@/components/States";
import { When } from "@/components/When";
import { More } from "@/components/PagedList";
import { i18next } from "@/i18n";
import classes from "./AuditPage.module.css";

const route = getRouteApi("/app/audit");
const TYPING_PAUSE_MS = 300;

export function AuditPage() {
  const { t } = useTranslation();
  useDocumentTitle(`${t("nav.audit")} · ${t("app.name")}`);
  const { readsTrail } = useMe();
  if (!readsTrail) {
    return (
      <Message icon={IconLock} title={t("users.forbiddenTitle")} text={t("audit.forbiddenText")} />
    );
  }
  return <Audit />;
}

/** Days are days where the reader is; the service takes points in time, and leaves out the end. */
function startOfDay(day: string, later = 0): string {
  const date = new Date(`${day}T00:00:00`);
  date.setDate(date.getDate() + later);
  return date.toISOString();
}

function toQuery(search: AuditSearch): AuditQuery {
  return {
    ...(search.text && { text: search.text }),
    ...(search.action && { action: [search.action] }),
    ...(search.object && { object: search.object }),
    ...(search.address && { address: search.address }),
    ...(search.actor && { actor: search.actor }),
    ...(search.folder && { folder: search.folder }),
    ...(search.after && { since: startOfDay(search.after) }),
    ...(search.before && { until: startOfDay(search.before, 1) }),
  };
}

async function exportAs(format: "csv" | "jsonl", query: AuditQuery): Promise<void> {
  try {
    saveFile(await exportAudit({ ...query, format }), `audit.${format}`);
  } catch (error) {
    notifyError(error);
  }
}

function Audit() {
  const { t } = useTranslation();
  const search = route.useSearch();
  const query = toQuery(search);
  const events = useInfiniteQuery({
    ...auditEventsQuery(query),
    placeholderData: keepPreviousData,
  });
  const items = events.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <>
      <PageHead title={t("nav.audit")}>
        <Menu position="bottom-end">
          <Menu.Target>
            <Button variant="default" size="xs" leftSection={<IconDownload size={15} />}>
              {t("audit.export")}
            </Button>
          </Menu.Target>
          <Menu.Dropdown>
            <Menu.Item onClick={() => void exportAs("csv", query)}>{t("audit.csv")}</Menu.Item>
            <Menu.Item onClick={() => void exportAs("jsonl", query)}>{t("audit.jsonl")}</Menu.Item>
          </Menu.Dropdown>
        </Menu>
      </PageHead>
      <div className={classes.page} tabIndex={0} role="region" aria-label={t("nav.audit")}>
        <Chain />
        <Filters />
        {events.isPending && <RowSkeletons />}
        {events.isError && (
          <ErrorState error={events.error} onRetry={() => void events.refetch()} />
        )}
        {events.isSuccess && items.length === 0 && (
          <Message icon={IconHistoryOff} title={t("audit.none")} />
        )}
        {items.length > 0 && (
          <ul className={classes.list} aria-label={t("audit.events")}>
            {items.map((event) => (
              <EventItem key={event.id} event={event} />
            ))}
          </ul>
        )}
        <More query={events} />
      </div>
    </>
  );
}

type FigureProps = { label: string; value: ReactNode; note?: ReactNode };

function Figure({ label, value, note }: FigureProps) {
  return (
    <div className={classes.figure}>
      <dt>{label}</dt>
      <dd className={classes.value}>{value}</dd>
      {note !== undefined && <dd className={classes.note}>{note}</dd>}
    </div>
  );
}

function Chain() {
  const { t } = useTranslation();
  const chain = useQuery(auditChainQuery);
  if (chain.isError) return <ErrorState error={chain.error} />;
  if (chain.isPending) return <RowSkeletons count={1} />;
  const state = chain.data;
  return (
    <>
      <dl className={classes.figures}>
        <Figure
          label={t("audit.sealed")}
          value={formatCount(state.sealed - state.begins_after)}
          note={begins(state)}
        />
        <Figure
          label={t("audit.unsealed")}
          value={formatCount(state.unsealed)}
          note={state.unsealed_since ? <When at={state.unsealed_since} /> : t("audit.unsealedNote")}
        />
        <Figure
          label={t("audit.lastCheckpoint")}
          value={state.last_checkpoint ? <When at={state.last_checkpoint.at} /> : t("audit.notYet")}
          note={
            state.last_checkpoint
              ? t("audit.upTo", { number: formatCount(state.last_checkpoint.sequence) })
              : t("audit.checkpointNote")
          }
        />
      </dl>
      <SignNow checkpoint={state.last_checkpoint} />
    </>
  );
}

function begins({ begins_after, retention_days }: AuditChain): string {
  if (begins_after > 0) return i18next.t("audit.cutUpTo", { number: formatCount(begins_after) });
  return retention_days > 0
    ? i18next.t("audit.retention", { count: retention_days })
    : i18next.t("audit.forEver");
}

/** What is saved elsewhere proves later that nothing before it was cut off. */
function saveCheckpoint(checkpoint: Checkpoint): void {
  const line = new Blob([`${JSON.stringify(checkpoint)}\n`], { type: "application/json" });
  saveFile(line, `audit-checkpoint-${checkpoint.sequence}.json`);
}

function SignNow({ checkpoint }: { checkpoint: Checkpoint | null }) {
  const { t } = useTranslation();
  const sign = useMutation({
    mutationFn: createAuditCheckpoint,
    onSuccess: (made) => {
      if (made) notifyDone(t("audit.signed", { number: formatCount(made.sequence) }));
      void queryClient.invalidateQueries({ queryKey: auditChainQuery.queryKey });
    },
    onError: notifyError,
  });
  return (
    <Group gap="xs" pb="sm">
      <Button
        size="xs"
        variant="default"
        leftSection={<IconSignature size={15} />}
        loading={sign.isPending}
        onClick={() => sign.mutate()}
      >
        {t("audit.sign")}
      </Button>
      {checkpoint && (
        <Button
          size="xs"
          variant="default"
          leftSection={<IconDownload size={15} />}
          onClick={() => saveCheckpoint(checkpoint)}
        >
          {t("audit.saveCheckpoint")}
        </Button>
      )}
    </Group>
  );
}

function Filters() {
  const { t } = useTranslation();
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const actions = useQuery(auditActionsQuery);
  const set = (change: AuditSearch) =>
    void navigate({ search: (old) => ({ ...old, ...change }), replace: true });
  return (
    <form
      className={classes.filters}
      role="search"
      aria-label={t("audit.filters")}
      onSubmit={(event) => event.preventDefault()}
    >
      <TypedFilter label={t("audit.text")} value={search.text} onChange={(text) => set({ text })} />
      <Select
        label={t("audit.action")}
        size="xs"
        searchable
        clearable
        data={actions.data ?? []}
        value={search.action ?? null}
        onChange={(action) => set({ action: action ?? undefined })}
      />
      <TypedFilter
        label={t("audit.object")}
        placeholder="document:45"
        value={search.object}
        onChange={(object) => set({ object })}
      />
      <TypedFilter
        label={t("audit.address")}
        value={search.address}
        onChange={(address) => set({ address })}
      />
      <TextInput
        label={t("audit.since")}
        size="xs"
        type="date"
        value={search.after ?? ""}
        onChange={({ currentTarget }) => set({ after: currentTarget.value || undefined })}
      />
      <TextInput
        label={t("audit.until")}
        size="xs"
        type="date"
        value={search.before ?? ""}
        onChange={({ currentTarget }) => set({ before: currentTarget.value || undefined })}
      />
      {search.actor !== undefined && (
        <Button
          size="xs"
          variant="light"
          style={{ alignSelf: "end" }}
          onClick={() => set({ actor: undefined })}
        >
          {t("audit.everybody")}
        </Button>
      )}
    </form>
  );
}

type TypedFilterProps = {
  label: string;
  placeholder?: string;
  value: string | undefined;
  onChange: (value: string | undefined) => void;
};

/** Asks once the typing pauses. */
function TypedFilter({ label, placeholder, value, onChange }: TypedFilterProps) {
  const [typed, setTyped] = useState(value ?? "");
  const ask = useDebouncedCallback((text: string) => onChange(text || undefined), TYPING_PAUSE_MS);
  return (
    <TextInput
      label={label}
      placeholder={placeholder}
      size="xs"
      value={typed}
      onChange={({ currentTarget }) => {
        setTyped(currentTarget.value);
        ask(currentTarget.value);
      }}
    />
  );
}

function actorOf(event: AuditEvent): string {
  if (event.actor) return event.actor.name ?? i18next.t("audit.user", { id: event.actor.id });
  const operator = event.data.operator;
  return typeof operator === "string" ? operator : i18next.t("audit.service");
}

function EventItem({ event }: { event: AuditEvent }) {
  const [opened, setOpened] = useState(false);
  const name = event.data.name;
  return (
    <li className={classes.item}>
      <UnstyledButton
        className={classes.row}
        aria-expanded={opened}
        onClick={() => setOpened(!opened)}
      >
        <IconChevronRight size={14} className={classes.chevron} aria-hidden />
        <Text size="xs" c="dimmed" span>
          <When at={event.at} />
        </Text>
        <Text size="sm" fw={550} span>
          {event.action}
        </Text>
        <Text size="sm" span>
          {typeof name === "string" ? `${name} (${event.object})` : event.object}
        </Text>
        <Text size="sm" span>
          {actorOf(event)}
        </Text>
      </UnstyledButton>
      <Collapse expanded={opened}>{opened && <EventDetail event={event} />}</Collapse>
    </li>
  );
}

function EventDetail({ event }: { event: AuditEvent }) {
  const { t } = useTranslation();
  const navigate = route.useNavigate();
  const facts: [string, unknown][] = [
    [t("audit.sequence"), event.sequence ?? t("audit.waiting")],
    [t("audit.address"), event.address],
    [t("audit.session"), event.session_id],
    [t("audit.request"), event.request_id],
    [t("audit.folder"), event.folder_id],
    ["SHA-256", event.hash],
  ];
  return (
    <div className={classes.detail}>
      <Changes data={event.data} />
      <dl className={classes.facts}>
        {facts
          .filter(([, value]) => value !== null)
          .map(([label, value]) => (
            <div key={label} style={{ display: "contents" }}>
              <dt>{label}</dt>
              <dd>{showValue(value)}</dd>
            </div>
          ))}
      </dl>
      <Group gap="xs" pt="xs">
        <Button
          size="compact-xs"
          variant="light"
          onClick={() => void navigate({ search: { object: event.object }, replace: true })}
        >
          {t("audit.allOfObject")}
        </Button>
        {event.actor && (
          <Button
            size="compact-xs"
            variant="light"
            onClick={() =>
              void navigate({
                search: { ...(event.actor && { actor: event.actor.id }) },
                replace: true,
              })
            }
          >
            {t("audit.allOfActor")}
          </Button>
        )}
      </Group>
    </div>
  );
}
