/** One upload of the queue: its stage as it happens, and what can be done about it. */
import { ActionIcon, Button, Group, Loader, Progress, Text, Tooltip } from "@mantine/core";
import {
  IconAlertCircle,
  IconBiohazard,
  IconCircleCheckFilled,
  IconCircleDashed,
  IconCircleMinus,
  IconCopy,
  IconFileSymlink,
  IconPlayerPause,
  IconPlayerPlay,
  IconPlugConnectedX,
  IconRefresh,
  IconX,
  type Icon,
} from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import type { TFunction } from "i18next";
import { useTranslation } from "react-i18next";
import { ApiProblem } from "@/api/problem";
import { DocumentIcon } from "@/components/FileIcon";
import { formatSize } from "@/components/format";
import { explain } from "@/components/useExplain";
import type { UploadEntry } from "./job";
import { groupOf } from "./states";
import { DuplicateChoices } from "./DuplicateChoices";
import { uploads } from "./uploads";
import classes from "./UploadPanel.module.css";

type UploadRowProps = {
  entry: UploadEntry;
  /** Entries change in place; a new version of the queue makes the row draw again. */
  version: number;
  position: number;
  total: number;
  offset: number;
  height: number;
};

export function UploadRow({ entry, position, total, offset, height }: UploadRowProps) {
  const { t } = useTranslation();
  const { status } = entry;
  const stored = groupOf(status) === "done" && entry.documentId !== null;
  return (
    <li
      className={classes.row}
      data-status={status}
      aria-posinset={position}
      aria-setsize={total}
      style={{ transform: `translateY(${offset}px)`, height }}
    >
      <Group gap={10} wrap="nowrap" style={{ flex: 1, minWidth: 0 }}>
        <DocumentIcon name={entry.name} size={20} />
        <div className={classes.text}>
          {stored && entry.documentId !== null ? (
            <Link
              to="/documents/$documentId"
              params={{ documentId: entry.documentId }}
              className={classes.link ?? ""}
              title={pathOf(entry)}
            >
              {entry.name}
            </Link>
          ) : (
            <Text size="sm" truncate title={pathOf(entry)}>
              {entry.name}
            </Text>
          )}
          <Text size="xs" className={classes.stage} title={stageText(t, entry)}>
            {stageText(t, entry)}
          </Text>
          {(status === "uploading" || (status === "paused" && entry.sent > 0)) && (
            <Progress
              size={3}
              mt={2}
              value={entry.size ? (100 * entry.sent) / entry.size : 100}
              aria-label={t("uploads.progressOf", { name: entry.name })}
            />
          )}
        </div>
        <StatusIcon entry={entry} />
        <RowActions entry={entry} />
      </Group>
      {status === "conflict" && <ConflictChoices entry={entry} />}
      {status === "duplicate" && <DuplicateChoices entry={entry} />}
    </li>
  );
}

const pathOf = (entry: UploadEntry): string => [...entry.folders, entry.name].join("/");

function stageText(t: TFunction, entry: UploadEntry): string {
  const { status, problem } = entry;
  switch (status) {
    case "uploading":
      return t("uploads.stage.uploading", {
        sent: formatSize(entry.sent),
        total: formatSize(entry.size),
      });
    case "paused":
      return t("uploads.stage.paused", {
        sent: formatSize(entry.sent),
        total: formatSize(entry.size),
      });
    case "interrupted":
      return entry.sent > 0
        ? t("uploads.stage.interruptedAt", {
            sent: formatSize(entry.sent),
            total: formatSize(entry.size),
          })
        : t("uploads.stage.interrupted", { size: formatSize(entry.size) });
    case "duplicate":
    case "existing":
      return t(`uploads.stage.${status}`, { place: placeOf(entry) });
    case "queued":
      return problem
        ? t("uploads.stage.retrying", { reason: explain(t, problem).title })
        : t("uploads.stage.queued", { size: formatSize(entry.size) });
    case "rejected": {
      const found = problem instanceof ApiProblem ? problem.body.signature : undefined;
      return t("uploads.stage.rejected", { signature: typeof found === "string" ? found : "?" });
    }
    case "failed": {
      const { title, advice } = explain(t, problem);
      return `${title} ${advice}`.trim();
    }
    case "searchable":
      return entry.same.length > 0
        ? t("uploads.stage.searchableTwice", { place: placeOf(entry) })
        : t("uploads.stage.searchable");
    case "stored":
      return entry.indexStatus ? t(`index.${entry.indexStatus}`) : t("uploads.stage.stored");
    default:
      return t(`uploads.stage.${status}`);
  }
}

/** Where the bytes are already. */
function placeOf({ same }: UploadEntry): string {
  const [first] = same;
  return first ? [...first.ancestors.map((one) => one.name), first.name].join(" / ") : "";
}

function StatusIcon({ entry }: { entry: UploadEntry }) {
  const shared = { size: 18, "aria-hidden": true, style: { flexShrink: 0 } } as const;
  switch (entry.status) {
    case "searchable":
      return <IconCircleCheckFilled {...shared} color="var(--mantine-color-teal-6)" />;
    case "stored":
      return <IconCircleCheckFilled {...shared} color="var(--mantine-color-gray-5)" />;
    case "rejected":
      return <IconBiohazard {...shared} color="var(--mantine-color-error)" />;
    case "failed":
      return <IconAlertCircle {...shared} color="var(--mantine-color-error)" />;
    case "existing":
      return <IconFileSymlink {...shared} color="var(--mantine-color-teal-6)" />;
    case "interrupted":
      return <IconPlugConnectedX {...shared} color="var(--mantine-color-orange-7)" />;
    case "paused":
      return <IconPlayerPause {...shared} color="var(--mantine-color-dimmed)" />;
    case "duplicate":
    case "conflict":
      return <IconCopy {...shared} color="var(--mantine-color-orange-7)" />;
    case "cancelled":
    case "skipped":
      return <IconCircleMinus {...shared} color="var(--mantine-color-dimmed)" />;
    case "queued":
      return <IconCircleDashed {...shared} color="var(--mantine-color-dimmed)" />;
    case "uploading":
      return null;
    default:
      return <Loader size={16} aria-hidden style={{ flexShrink: 0 }} />;
  }
}

const CANCELLABLE = [
  ...["queued", "checking", "paused", "preparing", "uploading", "scanning", "interrupted"],
];
const PAUSABLE = ["queued", "preparing", "uploading"];
const RETRYABLE = ["failed", "cancelled", "skipped"];

function RowActions({ entry }: { entry: UploadEntry }) {
  const { t } = useTranslation();
  const { id, name, status } = entry;
  return (
    <Group gap={0} wrap="nowrap">
      {PAUSABLE.includes(status) && (
        <RowAction
          icon={IconPlayerPause}
          label={t("uploads.pause")}
          about={t("uploads.pauseOf", { name })}
          onClick={() => uploads.pause(id)}
        />
      )}
      {status === "paused" && (
        <RowAction
          icon={IconPlayerPlay}
          label={t("uploads.resume")}
          about={t("uploads.resumeOf", { name })}
          onClick={() => uploads.unpause(id)}
        />
      )}
      {CANCELLABLE.includes(status) && (
        <RowAction
          icon={IconX}
          label={t("uploads.cancel")}
          about={t("uploads.cancelOf", { name })}
          onClick={() => uploads.cancel(id)}
        />
      )}
      {RETRYABLE.includes(status) && (
        <RowAction
          icon={IconRefresh}
          label={t("uploads.retry")}
          about={t("uploads.retryOf", { name })}
          onClick={() => uploads.retry(id)}
        />
      )}
    </Group>
  );
}

type RowActionProps = { icon: Icon; label: string; about: string; onClick: () => void };

function RowAction({ icon: Glyph, label, about, onClick }: RowActionProps) {
  return (
    <Tooltip label={label}>
      <ActionIcon variant="subtle" color="gray" size="sm" aria-label={about} onClick={onClick}>
        <Glyph size={15} />
      </ActionIcon>
    </Tooltip>
  );
}

function ConflictChoices({ entry }: { entry: UploadEntry }) {
  const { t } = useTranslation();
  const keepBoth = entry.suggestedName
    ? t("uploads.choice.renameTo", { name: entry.suggestedName })
    : t("uploads.choice.rename");
  return (
    <Group gap={4} wrap="nowrap" pl={30}>
      <Button size="compact-xs" onClick={() => uploads.resolve(entry.id, "version")}>
        {t("uploads.choice.version")}
      </Button>
      <Tooltip label={keepBoth}>
        <Button
          size="compact-xs"
          variant="default"
          onClick={() => uploads.resolve(entry.id, "rename")}
        >
          {t("uploads.choice.rename")}
        </Button>
      </Tooltip>
      <Button
        size="compact-xs"
        variant="subtle"
        color="gray"
        onClick={() => uploads.resolve(entry.id, "skip")}
      >
        {t("uploads.choice.skip")}
      </Button>
    </Group>
  );
}
