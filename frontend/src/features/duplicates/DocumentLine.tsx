/** One document among those that resemble another: its name, where it is, and how much alike. */
import { Link } from "@tanstack/react-router";
import type { Crumb } from "@/api/types";
import { DocumentIcon } from "@/components/FileIcon";
import classes from "./Duplicates.module.css";

type DocumentLineProps = {
  id: number;
  name: string;
  ancestors: readonly Crumb[];
  mediaType?: string;
  version?: number | undefined;
  fact: string;
};

export function DocumentLine({ id, name, ancestors, mediaType, version, fact }: DocumentLineProps) {
  const place = ancestors.map((one) => one.name).join(" / ");
  return (
    <li className={classes.document}>
      <DocumentIcon name={name} mediaType={mediaType ?? ""} />
      <div className={classes.text}>
        <Link
          to="/documents/$documentId"
          params={{ documentId: id }}
          search={version === undefined ? {} : { version }}
          className={classes.name ?? ""}
          title={name}
        >
          {name}
        </Link>
        <div className={classes.place} title={place}>
          {place}
        </div>
      </div>
      <span className={classes.fact}>{fact}</span>
    </li>
  );
}
