/** The extracted text as the preview, and an honest word when there is none. */
import { Button, Loader } from "@mantine/core";
import { IconDownload, IconFileUnknown } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { textQuery } from "@/api/queries";
import { Message } from "@/components/States";
import { downloadDocument } from "@/features/library/operations";
import { MarkedText } from "@/features/search/MarkedText";
import type { PreviewProps } from "./Preview";
import classes from "./Preview.module.css";

const SHOWN = 200_000;

type ExtractedProps = PreviewProps & { why?: string | null };

/** `why` says for what reason the pages themselves cannot be shown. */
export function ExtractedPreview({ document, version, query, why }: ExtractedProps) {
  const { t } = useTranslation();
  const indexed = version.index_status === "indexed";
  const text = useQuery({ ...textQuery(document.id, version.number), enabled: indexed });
  if (indexed && text.data && text.data.text.trim() !== "") {
    return (
      <div className={classes.scroll} tabIndex={0} role="region" aria-label={t("preview.text")}>
        <div className={classes.sheet}>
          <p className={classes.note}>
            {why} {t("preview.extractedNote")}
          </p>
          <pre className={classes.prose}>
            <MarkedText text={text.data.text.slice(0, SHOWN)} query={query} />
          </pre>
        </div>
      </div>
    );
  }
  const busy = version.index_status === "pending" || version.index_status === "extracting";
  if (busy || (indexed && text.isPending)) {
    return (
      <Message icon={IconFileUnknown} title={t("preview.reading")} text={t("preview.readingText")}>
        <Loader size="sm" />
      </Message>
    );
  }
  return (
    <Message
      icon={IconFileUnknown}
      title={t("preview.none")}
      text={why ?? version.index_detail ?? t("preview.noneText")}
    >
      <Button
        variant="default"
        leftSection={<IconDownload size={16} />}
        onClick={() => void downloadDocument(document.id, version.number)}
      >
        {t("library.download")}
      </Button>
    </Message>
  );
}
