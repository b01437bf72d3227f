/** A document by its name, and the way to it, in lists of administrators. */
import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { DocumentIcon } from "@/components/FileIcon";
import classes from "./StoragePage.module.css";

type NamedDocumentProps = { document: { id: number; name: string; is_trashed: boolean } };

export function NamedDocument({ document }: NamedDocumentProps) {
  const { t } = useTranslation();
  return (
    <div className={classes.document}>
      <DocumentIcon name={document.name} size={16} />
      {document.is_trashed ? (
        <span>
          {document.name} ({t("storage.inTrash")})
        </span>
      ) : (
        <Link to="/documents/$documentId" params={{ documentId: document.id }}>
          {document.name}
        </Link>
      )}
    </div>
  );
}
