/** The text that was read out of the document: what search sees, with the words looked for marked. */
import {
  Alert,
  Badge,
  Button,
  CopyButton,
  Group,
  Progress,
  SegmentedControl,
  Skeleton,
  Stack,
  Text,
} from "@mantine/core";
import { IconCheck, IconCopy, IconTextScan2 } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { getTextAsOf } from "@/api/calls";
import { isProblem } from "@/api/problem";
import { keys, pagesQuery, textQuery } from "@/api/queries";
import type { Document, ExtractedText, Version } from "@/api/types";
import { ErrorState, Message } from "@/components/States";
import { MarkedText } from "@/features/search/MarkedText";
import classes from "./DocumentPage.module.css";
import { openReadAgain } from "./ReadAgain";
import { TextLayers } from "./TextLayers";
import { TextPages } from "./TextPages";

type TextTabProps = { document: Document; version: Version; query: string | undefined };

/** More than this makes the page slow to lay out; the whole is in the download. */
const SHOWN = 200_000;

export function TextTab({ document, version, query }: TextTabProps) {
  const { t } = useTranslation();
  const status = version.index_status;
  const isKnown = status === "indexed" || status === "extracting" || status === "failed";
  const text = useQuery({ ...textQuery(document.id, version.number), enabled: isKnown });
  if (!isKnown || (text.error && isProblem(text.error, "no_text"))) {
    return (
      <Message
        icon={IconTextScan2}
        title={t(`index.${status}`)}
        text={version.index_detail ?? t(`textTab.${status === "indexed" ? "no_text" : status}`)}
      />
    );
  }
  if (text.isError) return <ErrorState error={text.error} onRetry={() => void text.refetch()} />;
  if (text.isPending) return <TextSkeleton />;
  return <KnownText document={document} version={version} text={text.data} query={query} />;
}

function TextSkeleton() {
  const { t } = useTranslation();
  return (
    <Stack gap={10} role="status" aria-label={t("common.loading")}>
      {[96, 88, 92, 70, 94, 60].map((width) => (
        <Skeleton key={width} height={10} width={`${width}%`} />
      ))}
    </Stack>
  );
}

function KnownText({ document, version, text, query }: TextTabProps & { text: ExtractedText }) {
  const { t } = useTranslation();
  const [view, setView] = useState<"pages" | "layers">("pages");
  const [past, setPast] = useState<number | null>(null);
  const writable =
    document.permissions.includes("write") &&
    document.status === "active" &&
    version.number === document.current_version.number;
  const hasPages = text.pages.length > 0;
  return (
    <Stack gap="sm">
      <Group gap={6}>
        {text.engine && <Badge color="gray">{text.engine}</Badge>}
        {text.language && <Badge color="gray">{text.language}</Badge>}
        <CopyText text={text.text} />
      </Group>
      {hasPages && <PageProgress document={document} version={version} />}
      {hasPages && (
        <Group gap="xs">
          <SegmentedControl
            size="xs"
            aria-label={t("texts.views")}
            data={(["pages", "layers"] as const).map((value) => ({
              value,
              label: t(`texts.${value}`),
            }))}
            value={view}
            onChange={(value) => {
              setView(value === "layers" ? "layers" : "pages");
              setPast(null);
            }}
          />
          {writable && (
            <Button
              ml="auto"
              size="compact-xs"
              variant="default"
              onClick={() => openReadAgain(document.id)}
            >
              {t("texts.again")}
            </Button>
          )}
        </Group>
      )}
      {hasPages && view === "layers" && (
        <TextLayers
          documentId={document.id}
          version={version.number}
          etag={text.etag}
          writable={writable}
          onLook={(layer) => {
            setPast(layer);
            setView("pages");
          }}
        />
      )}
      {hasPages && view === "pages" && past !== null && (
        <PastText document={document} version={version} layer={past} onBack={() => setPast(null)} />
      )}
      {hasPages && view === "pages" && past === null && (
        <TextPages documentId={document.id} text={text} query={query} writable={writable} />
      )}
      {!hasPages && (
        <pre className={classes.text}>
          <MarkedText text={text.text.slice(0, SHOWN)} query={query} />
        </pre>
      )}
      {(text.truncated || (!hasPages && text.text.length > SHOWN)) && (
        <Text size="xs" c="dimmed">
          {t("textTab.truncated")}
        </Text>
      )}
    </Stack>
  );
}

function CopyText({ text }: { text: string }) {
  const { t } = useTranslation();
  return (
    <CopyButton value={text}>
      {({ copied, copy }) => (
        <Button
          variant="subtle"
          size="compact-xs"
          ml="auto"
          leftSection={copied ? <IconCheck size={14} /> : <IconCopy size={14} />}
          onClick={copy}
        >
          {copied ? t("common.copied") : t("textTab.copy")}
        </Button>
      )}
    </CopyButton>
  );
}

/** How many pages are still being recognised, and how many could not be. */
function PageProgress({ document, version }: { document: Document; version: Version }) {
  const { t } = useTranslation();
  const { data } = useQuery(pagesQuery(document.id, version.number));
  if (data === undefined) return null;
  const all = data.pages.length;
  const label = t("texts.progress", { done: all - data.waiting, all });
  return (
    <>
      {data.waiting > 0 && (
        <div>
          <Text size="xs" c="dimmed" mb={4}>
            {label}
          </Text>
          <Progress size="sm" value={(100 * (all - data.waiting)) / all} aria-label={label} />
        </div>
      )}
      {data.failed > 0 && (
        <Alert color="orange" py={6}>
          {t("texts.failedPages", { count: data.failed })}
        </Alert>
      )}
    </>
  );
}

type PastTextProps = {
  document: Document;
  version: Version;
  layer: number;
  onBack: () => void;
};

function PastText({ document, version, layer, onBack }: PastTextProps) {
  const { t } = useTranslation();
  const past = useQuery({
    queryKey: [...keys.document(document.id), "text", version.number, layer],
    queryFn: () => getTextAsOf(document.id, version.number, layer),
  });
  if (past.isError) return <ErrorState error={past.error} />;
  if (past.isPending) return <TextSkeleton />;
  return (
    <>
      <Alert color="blue" py={6}>
        {t("texts.lookingAt", { number: layer })}{" "}
        <Button variant="default" size="compact-xs" ml="xs" onClick={onBack}>
          {t("texts.toNewest")}
        </Button>
      </Alert>
      <TextPages documentId={document.id} text={past.data} query={undefined} writable={false} />
    </>
  );
}
