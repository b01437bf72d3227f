/** The ways in: where they look, how they fare, and what one can do with them. */
import { ActionIcon, Alert, Badge, Button, Group, Menu, Text } from "@mantine/core";
import { modals } from "@mantine/modals";
import {
  IconDots,
  IconEdit,
  IconFolder,
  IconInbox,
  IconMail,
  IconMailbox,
  IconPlayerPause,
  IconPlayerPlay,
  IconPlugConnected,
  IconPlus,
  IconRefresh,
  IconTrash,
} from "@tabler/icons-react";
import { useMutation, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import {
  checkIntakeSource,
  deleteIntakeSource,
  runIntakeSource,
  updateIntakeSource,
} from "@/api/calls";
import { intakeSourcesQuery, keys, queryClient } from "@/api/queries";
import type { IntakeCheck, IntakeSource } from "@/api/types";
import { formatCount } from "@/components/format";
import { notifyDone, notifyError } from "@/components/notify";
import { ErrorState, Message, RowSkeletons } from "@/components/States";
import storage from "@/features/admin/StoragePage.module.css";
import { i18next } from "@/i18n";
import { openSourceForm } from "./SourceForm";
import { adviceFor, placeWords, stateWords } from "./sourceWords";
import { ForAdministrators, WaysIn } from "./WaysIn";

const changed = () => queryClient.invalidateQueries({ queryKey: keys.intake });

const GLYPHS = { folder: IconFolder, mailbox: IconMailbox, smtp: IconMail } as const;
const COLORS = { new: "gray", working: "teal", failing: "red", paused: "gray" } as const;

function askDelete(source: IntakeSource): void {
  const { name } = source;
  modals.openConfirmModal({
    title: i18next.t("intake.source.deleteTitle", { name }),
    children: <Text size="sm">{i18next.t("intake.source.deleteText")}</Text>,
    labels: {
      confirm: i18next.t("intake.source.delete"),
      cancel: i18next.t("intake.source.cancelDelete"),
    },
    confirmProps: { color: "red" },
    onConfirm: () => {
      deleteIntakeSource(source.id)
        .then(() => notifyDone(i18next.t("intake.source.deleted", { name })))
        .catch(notifyError)
        .finally(() => void changed());
    },
  });
}

export function SourcesPage() {
  return (
    <ForAdministrators>
      <Sources />
    </ForAdministrators>
  );
}

function Sources() {
  const { t } = useTranslation();
  const sources = useQuery(intakeSourcesQuery);
  return (
    <WaysIn
      view="sources"
      action={
        <Button leftSection={<IconPlus size={16} stroke={1.8} />} onClick={() => openSourceForm()}>
          {t("intake.source.new")}
        </Button>
      }
    >
      {sources.isPending && <RowSkeletons count={3} />}
      {sources.isError && (
        <ErrorState error={sources.error} onRetry={() => void sources.refetch()} />
      )}
      {sources.data?.length === 0 && (
        <Message
          icon={IconInbox}
          title={t("intake.source.emptyTitle")}
          text={t("intake.source.emptyText")}
        />
      )}
      {sources.data && sources.data.length > 0 && (
        <ul className={storage.list} aria-label={t("intake.source.label")}>
          {sources.data.map((source) => (
            <SourceRow key={source.id} source={source} now={sources.dataUpdatedAt} />
          ))}
        </ul>
      )}
    </WaysIn>
  );
}

type SourceRowProps = {
  source: IntakeSource;
  /** When this was told, in milliseconds since 1970. */
  now: number;
};

function SourceRow({ source, now }: SourceRowProps) {
  const { t } = useTranslation();
  const Glyph = GLYPHS[source.kind];
  const advice = adviceFor(t, source);
  return (
    <li className={storage.row}>
      <Badge color={COLORS[source.state]} w={110}>
        {t(`intake.stateBadge.${source.state}`)}
      </Badge>
      <div className={storage.what}>
        <Group gap={6} wrap="nowrap">
          <Glyph size={16} stroke={1.7} aria-hidden style={{ flexShrink: 0 }} />
          <Text size="sm" fw={550} className={storage.detail}>
            {source.name}
          </Text>
        </Group>
        <Text size="sm" className={storage.detail}>
          {stateWords(t, source, now)}
        </Text>
        {source.state === "failing" && (
          <Text size="sm" c="var(--mantine-color-error)" className={storage.detail}>
            {source.last_error}
          </Text>
        )}
        {advice !== null && (
          <Text size="xs" c="dimmed">
            {advice}
          </Text>
        )}
        <Text size="xs" c="dimmed" className={storage.detail}>
          {t(`intake.kind.${source.kind}`)} · {placeWords(source)}
        </Text>
        <Text size="xs" c="dimmed" className={storage.detail}>
          {source.folder
            ? t("intake.source.into", { path: source.folder.path })
            : t("intake.source.folderGone")}
          {" · "}
          {t("intake.source.asWhom", { name: source.acts_as.name })}
        </Text>
        <Counts source={source} />
        <Actions source={source} />
      </div>
      <SourceMenu source={source} />
    </li>
  );
}

function Counts({ source: { id, filed, refused } }: { source: IntakeSource }) {
  const { t } = useTranslation();
  return (
    <Text size="xs" className={storage.document}>
      <Link to="/ways-in/items" search={{ source: id, state: "filed" }}>
        {t("intake.source.filed", { count: filed, formatted: formatCount(filed) })}
      </Link>
      <Link to="/ways-in/items" search={{ source: id, state: "refused" }}>
        {t("intake.source.refused", { count: refused, formatted: formatCount(refused) })}
      </Link>
    </Text>
  );
}

function Actions({ source }: { source: IntakeSource }) {
  const { t } = useTranslation();
  const { id, name, enabled } = source;
  const check = useMutation({ mutationFn: () => checkIntakeSource(id), onError: notifyError });
  const run = useMutation({
    mutationFn: () => runIntakeSource(id),
    onSuccess: () => notifyDone(t("intake.source.runDone", { name })),
    onError: notifyError,
    onSettled: changed,
  });
  const pause = useMutation({
    mutationFn: () => updateIntakeSource(id, { enabled: !enabled }),
    onSuccess: () => notifyDone(t(`intake.source.${enabled ? "paused" : "resumed"}`, { name })),
    onError: notifyError,
    onSettled: changed,
  });
  return (
    <>
      <Group gap="xs" mt={6}>
        <Button
          size="compact-sm"
          variant="default"
          leftSection={<IconPlugConnected size={14} />}
          aria-label={t("intake.source.checkOf", { name })}
          loading={check.isPending}
          onClick={() => check.mutate()}
        >
          {t("intake.source.check")}
        </Button>
        {enabled && source.kind !== "smtp" && (
          <Button
            size="compact-sm"
            variant="default"
            leftSection={<IconRefresh size={14} />}
            aria-label={t("intake.source.runOf", { name })}
            loading={run.isPending}
            onClick={() => run.mutate()}
          >
            {t("intake.source.run")}
          </Button>
        )}
        <Button
          size="compact-sm"
          variant="subtle"
          leftSection={enabled ? <IconPlayerPause size={14} /> : <IconPlayerPlay size={14} />}
          aria-label={t(enabled ? "intake.source.pauseOf" : "intake.source.resumeOf", { name })}
          loading={pause.isPending}
          onClick={() => pause.mutate()}
        >
          {t(enabled ? "intake.source.pause" : "intake.source.resume")}
        </Button>
      </Group>
      <div aria-live="polite">{check.data && <CheckResult result={check.data} />}</div>
    </>
  );
}

function CheckResult({ result: { ok, detail } }: { result: IntakeCheck }) {
  const { t } = useTranslation();
  return (
    <Alert
      mt="xs"
      py={6}
      role="note"
      color={ok ? "teal" : "red"}
      title={t(ok ? "intake.source.checkGood" : "intake.source.checkBad")}
    >
      <span className={storage.detail}>{detail}</span>
    </Alert>
  );
}

function SourceMenu({ source }: { source: IntakeSource }) {
  const { t } = useTranslation();
  return (
    <Menu width={190}>
      <Menu.Target>
        <ActionIcon
          variant="subtle"
          color="gray"
          ml="auto"
          aria-label={t("library.actionsFor", { name: source.name })}
        >
          <IconDots size={16} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item leftSection={<IconEdit size={16} />} onClick={() => openSourceForm(source)}>
          {t("intake.source.edit")}
        </Menu.Item>
        <Menu.Item
          className="danger-item"
          leftSection={<IconTrash size={16} />}
          onClick={() => askDelete(source)}
        >
          {t("intake.source.deleteEllipsis")}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
