/** The pages of whatever has pages; until they are drawn, or where they cannot be, an honest word. */
import { Button, Center, Loader } from "@mantine/core";
import { IconFileOff, IconLock } from "@tabler/icons-react";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { remakePreview } from "@/api/calls";
import { keys, previewPagesQuery, queryClient } from "@/api/queries";
import { notifyError } from "@/components/notify";
import { ErrorState, Message } from "@/components/States";
import { PageViewer } from "../viewer/PageViewer";
import { ExtractedPreview } from "./ExtractedPreview";
import type { PreviewProps } from "./Preview";

export function PagesPreview(props: PreviewProps) {
  const { document, version } = props;
  const { t } = useTranslation();
  const query = useQuery(previewPagesQuery(document.id, version.number));
  if (query.isError) return <ErrorState error={query.error} onRetry={() => void query.refetch()} />;
  if (query.isPending) {
    return (
      <Center style={{ flex: 1 }}>
        <Loader size="sm" />
      </Center>
    );
  }
  const { status, detail, pages, widths } = query.data;
  switch (status) {
    case "ready":
      return (
        <PageViewer
          documentId={document.id}
          version={version.number}
          pages={pages}
          widths={widths}
          query={props.query}
          note={detail}
        />
      );
    case "pending":
    case "drawing":
      return (
        <div role="status" style={{ display: "flex", flex: 1 }}>
          <Message icon={IconFileOff} title={t("viewer.drawing")} text={t("viewer.drawingText")}>
            <Loader size="sm" />
          </Message>
        </div>
      );
    case "encrypted":
      return <Message icon={IconLock} title={t("preview.locked")} text={t("preview.lockedText")} />;
    case "unsupported":
      return <ExtractedPreview {...props} why={detail} />;
    case "damaged":
    case "failed":
      return <Failed {...props} detail={detail} />;
  }
}

function Failed({ document, version, detail }: PreviewProps & { detail: string | null }) {
  const { t } = useTranslation();
  const again = useMutation({
    mutationFn: () => remakePreview(document.id, version.number),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: keys.previews(document.id) }),
    onError: notifyError,
  });
  return (
    <Message
      icon={IconFileOff}
      title={t("preview.broken")}
      text={
        <>
          {detail} {t("preview.brokenText")}
        </>
      }
    >
      {document.permissions.includes("write") && (
        <Button variant="default" loading={again.isPending} onClick={() => again.mutate()}>
          {t("viewer.drawAgain")}
        </Button>
      )}
    </Message>
  );
}
