/** The upload queue in the corner: progress of all, state of each, and what needs a decision. */
import {
  ActionIcon,
  Button,
  CloseButton,
  Group,
  Progress,
  SegmentedControl,
  Text,
  Tooltip,
} from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import {
  IconChevronDown,
  IconChevronUp,
  IconPlayerPause,
  IconPlayerPlay,
} from "@tabler/icons-react";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { formatCount, formatDuration, formatSize } from "@/components/format";
import { explain } from "@/components/useExplain";
import { Interrupted } from "./Interrupted";
import { uploadPanel, useUploadPanel } from "./panelState";
import type { QueueSnapshot } from "./board";
import type { UploadGroup, UploadStatus } from "./states";
import { UploadRow } from "./UploadRow";
import { saveReport } from "./report";
import { uploads, useUploads } from "./uploads";
import classes from "./UploadPanel.module.css";

const ROW = 48;
const CONFLICT_ROW = 84;
/** A refusal needs two lines to say what happened and what to do. */
const REFUSED_ROW = 66;
const LIST_HEIGHT = 300;

type Filter = "all" | UploadGroup;

export function UploadPanel() {
  const { t } = useTranslation();
  const { open, folded } = useUploadPanel();
  const queue = useUploads();
  if (!open || queue.total === 0) return null;
  return (
    <section className={classes.panel} aria-label={t("uploads.title")}>
      <PanelHead queue={queue} folded={folded} />
      {!folded && <PanelBody queue={queue} />}
    </section>
  );
}

function useTitle(queue: QueueSnapshot): string {
  const { t } = useTranslation();
  const { groups, total } = queue;
  const running = groups.waiting + groups.active;
  if (running > 0) {
    const done = formatCount(total - running);
    return t("uploads.running", { done, total: formatCount(total) });
  }
  if (groups.attention > 0) return t("uploads.attention", { count: groups.attention });
  return t("uploads.finished", { count: groups.done });
}

function PanelHead({ queue, folded }: { queue: QueueSnapshot; folded: boolean }) {
  const { t } = useTranslation();
  const title = useTitle(queue);
  const running = queue.groups.waiting + queue.groups.active > 0;
  const percent = queue.bytes === 0 ? 100 : (100 * queue.bytesSent) / queue.bytes;
  const fold = t(folded ? "uploads.unfold" : "uploads.fold");
  return (
    <header className={classes.head}>
      <Group gap={4} wrap="nowrap">
        <Text component="h2" size="sm" fw={600} truncate style={{ flex: 1 }} aria-live="polite">
          {title}
        </Text>
        {running && <PauseButton paused={queue.hold !== null} />}
        <Tooltip label={fold}>
          <ActionIcon
            variant="subtle"
            color="gray"
            aria-label={fold}
            aria-expanded={!folded}
            onClick={() => uploadPanel.fold(!folded)}
          >
            {folded ? <IconChevronUp size={16} /> : <IconChevronDown size={16} />}
          </ActionIcon>
        </Tooltip>
        <CloseButton
          size="sm"
          aria-label={t("uploads.hide")}
          onClick={() => {
            uploads.clearFinished();
            uploadPanel.hide();
          }}
        />
      </Group>
      {running && (
        <>
          <Progress
            value={percent}
            size={4}
            mt={6}
            aria-label={t("uploads.progress")}
            color={queue.hold === null ? "blue" : "gray"}
          />
          <Text size="xs" c="dimmed" mt={4} className="tabular">
            {t("uploads.bytes", {
              sent: formatSize(queue.bytesSent),
              total: formatSize(queue.bytes),
            })}
            {queue.secondsLeft !== null &&
              ` · ${t("uploads.left", { time: formatDuration(queue.secondsLeft) })}`}
          </Text>
        </>
      )}
    </header>
  );
}

function PauseButton({ paused }: { paused: boolean }) {
  const { t } = useTranslation();
  const label = t(paused ? "uploads.resume" : "uploads.pause");
  return (
    <Tooltip label={label}>
      <ActionIcon
        variant="subtle"
        color="gray"
        aria-label={label}
        onClick={() => (paused ? uploads.resume() : uploads.hold("user"))}
      >
        {paused ? <IconPlayerPlay size={16} /> : <IconPlayerPause size={16} />}
      </ActionIcon>
    </Tooltip>
  );
}

function PanelBody({ queue }: { queue: QueueSnapshot }) {
  const { t } = useTranslation();
  const [filter, setFilter] = useState<Filter>("all");
  const { groups } = queue;
  const filters: { value: Filter; label: string }[] = [
    { value: "all", label: t("uploads.filter.all") },
    {
      value: "attention",
      label: t("uploads.filter.attention", { formatted: formatCount(groups.attention) }),
    },
    { value: "done", label: t("uploads.filter.done", { formatted: formatCount(groups.done) }) },
  ];
  return (
    <>
      {queue.hold !== null && queue.hold !== "user" && (
        <div className={classes.notice} role="alert">
          <Text size="xs">{t(`uploads.hold.${queue.hold}`)}</Text>
          <Button variant="default" size="compact-xs" onClick={() => uploads.resume()}>
            {t("uploads.resume")}
          </Button>
        </div>
      )}
      {queue.interrupted > 0 && <Interrupted count={queue.interrupted} />}
      {queue.duplicates > 1 && <DuplicatesNotice count={queue.duplicates} />}
      {queue.retryable > 1 && <FailuresNotice queue={queue} />}
      {queue.conflicts > 1 && <ConflictsNotice count={queue.conflicts} />}
      {queue.total > 8 && (
        <SegmentedControl
          className={classes.filter}
          size="xs"
          fullWidth
          data={filters}
          value={filter}
          onChange={setFilter}
          aria-label={t("uploads.filter.label")}
        />
      )}
      <EntryList queue={queue} filter={filter} />
      <PanelFoot queue={queue} />
    </>
  );
}

/** Never empty, so that it never comes: the rows above would move away under somebody's pointer. */
function PanelFoot({ queue }: { queue: QueueSnapshot }) {
  const { t } = useTranslation();
  const { groups } = queue;
  const running = groups.waiting + groups.active;
  const finished = groups.done + groups.dropped;
  return (
    <footer className={classes.foot}>
      {queue.retryable > 0 && (
        <Button variant="subtle" size="compact-xs" onClick={() => uploads.retryFailed()}>
          {t("uploads.retryFailed", { count: queue.retryable })}
        </Button>
      )}
      {running > 0 && (
        <Button variant="subtle" color="red" size="compact-xs" onClick={() => uploads.cancelAll()}>
          {t("uploads.cancelAll")}
        </Button>
      )}
      <Button
        variant="subtle"
        color="gray"
        size="compact-xs"
        ml="auto"
        onClick={() => saveReport(t, uploads.entries())}
      >
        {t("uploads.report.save")}
      </Button>
      {finished > 0 && (
        <Button
          variant="subtle"
          color="gray"
          size="compact-xs"
          onClick={() => uploads.clearFinished()}
        >
          {t("uploads.clear")}
        </Button>
      )}
    </footer>
  );
}

function ConflictsNotice({ count }: { count: number }) {
  const { t } = useTranslation();
  return (
    <div className={classes.notice}>
      <Text size="xs" fw={550}>
        {t("uploads.conflicts", { count })}
      </Text>
      <Group gap={4} wrap="nowrap">
        {(["version", "rename", "skip"] as const).map((choice) => (
          <Button
            key={choice}
            variant="default"
            size="compact-xs"
            onClick={() => uploads.resolveAll(choice)}
          >
            {t(`uploads.forAll.${choice}`)}
          </Button>
        ))}
      </Group>
    </div>
  );
}

/** Of hundreds that failed, the few reasons why. */
function FailuresNotice({ queue }: { queue: QueueSnapshot }) {
  const { t } = useTranslation();
  // The snapshot is what says that the queue's content changed.
  // eslint-disable-next-line react-hooks/exhaustive-deps
  const failures = useMemo(() => uploads.failures(), [queue]);
  return (
    <div className={classes.notice}>
      <ul className={classes.reasons} aria-label={t("uploads.failures")}>
        {failures.map(({ problem, count }) => {
          const { title } = explain(t, problem);
          return (
            <Text key={title} component="li" size="xs">
              {t("uploads.failure", { formatted: formatCount(count), title })}
            </Text>
          );
        })}
      </ul>
    </div>
  );
}

function DuplicatesNotice({ count }: { count: number }) {
  const { t } = useTranslation();
  return (
    <div className={classes.notice}>
      <Text size="xs" fw={550}>
        {t("uploads.duplicate.count", { count })}
      </Text>
      <Group gap={4} wrap="nowrap">
        {(["existing", "keep"] as const).map((choice) => (
          <Button
            key={choice}
            variant="default"
            size="compact-xs"
            onClick={() => uploads.resolveAllDuplicates(choice)}
          >
            {t(`uploads.duplicate.forAll.${choice}`)}
          </Button>
        ))}
      </Group>
    </div>
  );
}

function rowHeight(status: UploadStatus | undefined): number {
  if (status === "conflict" || status === "duplicate") return CONFLICT_ROW;
  return status === "failed" || status === "rejected" ? REFUSED_ROW : ROW;
}

function EntryList({ queue, filter }: { queue: QueueSnapshot; filter: Filter }) {
  const { t } = useTranslation();
  const scroller = useRef<HTMLDivElement>(null);
  const phone = useMediaQuery("(max-width: 36em)");
  const ids = useMemo(
    () => uploads.ids(filter === "all" ? null : filter),
    // The snapshot is what says that the queue's content changed.
    // eslint-disable-next-line react-hooks/exhaustive-deps
    [filter, queue],
  );
  // A new function would make the virtualizer measure all rows again.
  const getItemKey = useCallback((index: number) => ids[index] ?? index, [ids]);
  const virtualizer = useVirtualizer({
    count: ids.length,
    getScrollElement: () => scroller.current,
    getItemKey,
    estimateSize: (index) => rowHeight(uploads.entry(ids[index] ?? 0)?.status),
    overscan: 6,
  });
  const { attention } = queue.groups;
  useEffect(() => virtualizer.measure(), [virtualizer, attention, ids.length]);

  const height = Math.min(virtualizer.getTotalSize(), phone ? LIST_HEIGHT * 0.8 : LIST_HEIGHT);
  return (
    <div
      ref={scroller}
      className={classes.list}
      style={{ height: Math.max(height, ROW) }}
      tabIndex={0}
      role="group"
      aria-label={t("uploads.title")}
    >
      <ul className={classes.rows} style={{ height: virtualizer.getTotalSize() }}>
        {virtualizer.getVirtualItems().map((row) => {
          const entry = uploads.entry(ids[row.index] ?? 0);
          return (
            entry && (
              <UploadRow
                key={row.key}
                entry={entry}
                version={queue.version}
                position={row.index + 1}
                total={ids.length}
                offset={row.start}
                height={row.size}
              />
            )
          );
        })}
      </ul>
    </div>
  );
}
