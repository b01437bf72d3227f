/** The text page by page: how sure it is, what failed, and a way to correct it that never overwrites silently. */
import {
  ActionIcon,
  Alert,
  Badge,
  Button,
  Group,
  Stack,
  Text,
  Textarea,
  TextInput,
  Title,
  Tooltip,
} from "@mantine/core";
import { IconPencil, IconTextScan2 } from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { correctText, getText } from "@/api/calls";
import { isProblem } from "@/api/problem";
import { keys, queryClient, textQuery } from "@/api/queries";
import type { ExtractedText, TextOfPage } from "@/api/types";
import { notifyDone, notifyError } from "@/components/notify";
import { MarkedText } from "@/features/search/MarkedText";
import classes from "./DocumentPage.module.css";
import { openReadAgain } from "./ReadAgain";

const SHOWN_AT_ONCE = 50;

type TextPagesProps = {
  documentId: number;
  text: ExtractedText;
  query: string | undefined;
  writable: boolean;
};

export function TextPages({ documentId, text, query, writable }: TextPagesProps) {
  const { t } = useTranslation();
  const [shown, setShown] = useState(SHOWN_AT_ONCE);
  const [edited, setEdited] = useState<number | null>(null);
  return (
    <Stack gap="md">
      {text.pages.slice(0, shown).map((page) => (
        <section key={page.number} aria-label={t("texts.page", { number: page.number })}>
          <PageTitle
            documentId={documentId}
            page={page}
            onEdit={writable && edited === null ? () => setEdited(page.number) : undefined}
          />
          {edited === page.number ? (
            <Correction
              documentId={documentId}
              version={text.version}
              page={page}
              etag={text.etag}
              onDone={() => setEdited(null)}
            />
          ) : (
            <PageBody page={page} query={query} />
          )}
        </section>
      ))}
      {text.pages.length > shown && (
        <Button variant="default" size="xs" onClick={() => setShown(shown + SHOWN_AT_ONCE)}>
          {t("texts.morePages")}
        </Button>
      )}
    </Stack>
  );
}

type PageTitleProps = {
  documentId: number;
  page: TextOfPage;
  onEdit: (() => void) | undefined;
};

function PageTitle({ documentId, page, onEdit }: PageTitleProps) {
  const { t } = useTranslation();
  const { number } = page;
  return (
    <Group gap={6} mb={4} wrap="nowrap">
      <Title order={3} fz="sm">
        {t("texts.page", { number })}
      </Title>
      {page.source === "person" && <Badge size="xs">{t("texts.person")}</Badge>}
      {page.confidence !== null && (
        <Badge size="xs" color={page.confidence < 0.8 ? "orange" : "gray"}>
          {t("texts.confidence", { percent: Math.round(page.confidence * 100) })}
        </Badge>
      )}
      {onEdit && (
        <Group gap={2} ml="auto" wrap="nowrap">
          <Tooltip label={t("texts.againOf", { number })}>
            <ActionIcon
              variant="subtle"
              color="gray"
              aria-label={t("texts.againOf", { number })}
              onClick={() => openReadAgain(documentId, number)}
            >
              <IconTextScan2 size={16} />
            </ActionIcon>
          </Tooltip>
          <Tooltip label={t("texts.correctOf", { number })}>
            <ActionIcon
              variant="subtle"
              color="gray"
              aria-label={t("texts.correctOf", { number })}
              onClick={onEdit}
            >
              <IconPencil size={16} />
            </ActionIcon>
          </Tooltip>
        </Group>
      )}
    </Group>
  );
}

function PageBody({ page, query }: { page: TextOfPage; query: string | undefined }) {
  const { t } = useTranslation();
  return (
    <>
      {page.status === "failed" && (
        <Alert color="orange" py={6} title={t("texts.failed")}>
          {page.reason}
        </Alert>
      )}
      {page.status === "read" && page.reason && (
        <Text size="xs" c="dimmed">
          {page.reason}
        </Text>
      )}
      {page.text ? (
        <pre className={classes.text}>
          <MarkedText text={page.text} query={query} />
        </pre>
      ) : (
        page.status !== "failed" && (
          <Text size="sm" c="dimmed">
            {t(page.status === "waiting" ? "texts.waiting" : "texts.nothing")}
          </Text>
        )
      )}
    </>
  );
}

type CorrectionProps = {
  documentId: number;
  version: number;
  page: TextOfPage;
  etag: string;
  onDone: () => void;
};

function Correction({ documentId, version, page, etag, onDone }: CorrectionProps) {
  const { t } = useTranslation();
  const { number } = page;
  const [draft, setDraft] = useState(page.text);
  const [comment, setComment] = useState("");
  // The draft stays based on what was read when it was begun, whatever arrives meanwhile.
  const [basis, setBasis] = useState(etag);
  const [theirs, setTheirs] = useState<string | null>(null);
  const save = useMutation({
    mutationFn: () =>
      correctText(documentId, basis, {
        pages: [{ number, text: draft }],
        comment: comment.trim() || null,
      }),
    onSuccess: (text) => {
      queryClient.setQueryData(textQuery(documentId, version).queryKey, text);
      void queryClient.invalidateQueries({ queryKey: keys.document(documentId) });
      notifyDone(t("texts.corrected", { number }));
      onDone();
    },
    onError: async (error) => {
      if (!isProblem(error, "stale")) {
        notifyError(error);
        return;
      }
      const now = await getText(documentId, version);
      setBasis(now.etag);
      setTheirs(now.pages.find((one) => one.number === number)?.text ?? "");
    },
  });
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        save.mutate();
      }}
    >
      <Stack gap="xs">
        {theirs !== null && (
          <Alert color="orange" title={t("texts.stale")}>
            {t("texts.staleText")}
            <pre className={classes.text}>{theirs}</pre>
          </Alert>
        )}
        <Textarea
          autosize
          minRows={4}
          maxRows={24}
          data-autofocus
          aria-label={t("texts.textOf", { number })}
          value={draft}
          onChange={(event) => setDraft(event.currentTarget.value)}
        />
        <TextInput
          label={t("texts.comment")}
          description={t("texts.commentText")}
          value={comment}
          onChange={(event) => setComment(event.currentTarget.value)}
        />
        <Group justify="flex-end" gap="xs">
          <Button variant="default" size="xs" onClick={onDone}>
            {t("common.cancel")}
          </Button>
          <Button type="submit" size="xs" loading={save.isPending} disabled={draft === page.text}>
            {t(theirs === null ? "texts.save" : "texts.overwrite")}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
