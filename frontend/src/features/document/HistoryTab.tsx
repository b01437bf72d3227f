/** What became of a document: who changed what, and what was there before. */
import { Skeleton, Stack, Text } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { historyQuery } from "@/api/queries";
import type { HistoryEntry } from "@/api/types";
import { Changes } from "@/components/Changes";
import { ErrorState } from "@/components/States";
import { When } from "@/components/When";
import { More } from "@/components/PagedList";
import classes from "./DocumentPage.module.css";

/** The actions that have words of their own; others are told by their name. */
const TOLD = {
  "document.created": "history.created",
  "document.updated": "history.updated",
  "document.moved": "history.moved",
  "document.version_created": "history.versionCreated",
  "document.version_restored": "history.versionRestored",
  "document.trashed": "history.trashed",
  "document.restored": "history.restored",
  "document.text_corrected": "history.textCorrected",
  "document.text_restored": "history.textRestored",
  "document.ocr_requested": "history.ocrRequested",
} as const;

const isTold = (action: string): action is keyof typeof TOLD => action in TOLD;

export function HistoryTab({ documentId }: { documentId: number }) {
  const { t } = useTranslation();
  const history = useInfiniteQuery(historyQuery(documentId));
  if (history.isError) return <ErrorState error={history.error} />;
  if (history.isPending) {
    return (
      <Stack>
        <Skeleton height={44} />
        <Skeleton height={44} />
      </Stack>
    );
  }
  const entries = history.data.pages.flatMap((page) => page.items);
  return (
    <>
      {entries.length === 0 && (
        <Text size="sm" c="dimmed">
          {t("history.none")}
        </Text>
      )}
      <ul className={classes.timeline}>
        {entries.map((entry) => (
          <li key={entry.id} className={classes.version}>
            <Entry entry={entry} />
          </li>
        ))}
      </ul>
      <More query={history} size="xs" />
    </>
  );
}

/** A folder is told by its name; one that the reader may not see by nothing. */
function withFolderNames(data: HistoryEntry["data"]): HistoryEntry["data"] {
  const side = (value: unknown): unknown => {
    if (typeof value !== "object" || value === null) return value;
    const { folder_id: _id, ...rest } = value as Record<string, unknown>;
    return rest;
  };
  const { old: before, new: after, sha256: _digest, ...facts } = data;
  if (before === undefined && after === undefined) return facts;
  return { ...facts, old: side(before), new: side(after) };
}

function Entry({ entry }: { entry: HistoryEntry }) {
  const { t } = useTranslation();
  return (
    <div style={{ flex: 1, minWidth: 0 }}>
      <Text size="sm" fw={600}>
        {isTold(entry.action) ? t(TOLD[entry.action]) : entry.action}
      </Text>
      <Text size="xs" c="dimmed">
        <When at={entry.at} />
        {entry.actor && ` · ${entry.actor.name ?? t("audit.user", { id: entry.actor.id })}`}
      </Text>
      <Changes data={withFolderNames(entry.data)} />
    </div>
  );
}
