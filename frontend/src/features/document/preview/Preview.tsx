/** Picks how a version is shown: as a PDF, a picture, text, sound or film, else by its text. */
import { Center, Loader } from "@mantine/core";
import { IconVirus } from "@tabler/icons-react";
import { lazy, Suspense } from "react";
import { useTranslation } from "react-i18next";
import type { Document, Version } from "@/api/types";
import { Message } from "@/components/States";
import { ExtractedPreview } from "./ExtractedPreview";
import { ImagePreview } from "./ImagePreview";
import { MediaPreview } from "./MediaPreview";
import { previewKind } from "./previewKind";
import { TextPreview } from "./TextPreview";

const PdfPreview = lazy(() =>
  import("./PdfPreview").then((module) => ({ default: module.PdfPreview })),
);

export type PreviewProps = { document: Document; version: Version; query?: string | undefined };

const waiting = (
  <Center style={{ flex: 1 }}>
    <Loader size="sm" />
  </Center>
);

export function Preview(props: PreviewProps) {
  const { t } = useTranslation();
  if (props.version.scan_status === "quarantined") {
    return (
      <Message
        icon={IconVirus}
        color="red"
        title={t("quarantine.here")}
        text={t("quarantine.hereText", { signature: props.version.scan_detail })}
      />
    );
  }
  switch (previewKind(props.version.media_type, props.document.name)) {
    case "pdf":
      return (
        <Suspense fallback={waiting}>
          <PdfPreview {...props} />
        </Suspense>
      );
    case "image":
      return <ImagePreview {...props} />;
    case "text":
      return <TextPreview {...props} />;
    case "audio":
      return <MediaPreview {...props} element="audio" />;
    case "video":
      return <MediaPreview {...props} element="video" />;
    case "extracted":
      return <ExtractedPreview {...props} />;
  }
}
