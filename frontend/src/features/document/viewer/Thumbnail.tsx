/** The first page of a document, small; its icon until there is one, and where there is none. */
import type { Document } from "@/api/types";
import { DocumentIcon } from "@/components/FileIcon";
import { hasThumbnail } from "../preview/previewKind";
import { Picture } from "./Picture";
import classes from "./Thumbnail.module.css";

type ThumbnailProps = { document: Document; iconSize: number; fit: "cover" | "contain" };

export function Thumbnail({ document, iconSize, fit }: ThumbnailProps) {
  return (
    <span className={classes.frame} data-fit={fit}>
      <DocumentIcon name={document.name} mediaType={document.media_type} size={iconSize} />
      {hasThumbnail(document.media_type) && (
        <Picture
          key={document.current_version.id}
          documentId={document.id}
          version={document.current_version.number}
          page={1}
          size="thumbnail"
          alt=""
          className={classes.picture}
        />
      )}
    </span>
  );
}
