/** Picks how a version is shown: page by page, as text, sound or film, else by its text. */
import { IconVirus } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import type { Document, Version } from "@/api/types";
import { Message } from "@/components/States";
import { ExtractedPreview } from "./ExtractedPreview";
import { MediaPreview } from "./MediaPreview";
import { PagesPreview } from "./PagesPreview";
import { previewKind } from "./previewKind";
import { TextPreview } from "./TextPreview";

export type PreviewProps = { document: Document; version: Version; query?: string | undefined };

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
  switch (previewKind(props.version.media_type)) {
    case "pages":
      return <PagesPreview {...props} />;
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
