/** Where one starts: what changed lately, and the cabinets. */
import { Title } from "@mantine/core";
import { useDocumentTitle } from "@mantine/hooks";
import { IconFiles, IconListSearch } from "@tabler/icons-react";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { cabinetsQuery, recentQuery } from "@/api/queries";
import type { Document } from "@/api/types";
import { useMe } from "@/app/useMe";
import { DocumentIcon, FolderIcon } from "@/components/FileIcon";
import { formatSize } from "@/components/format";
import { PageHead } from "@/components/PageHead";
import { ErrorState, Message, RowSkeletons } from "@/components/States";
import { When } from "@/components/When";
import { IndexMark } from "@/features/library/IndexMark";
import classes from "./HomePage.module.css";

const SHOWN_CABINETS = 8;

export function HomePage() {
  const { t } = useTranslation();
  const { user, isAuditor } = useMe();
  useDocumentTitle(`${t("nav.home")} · ${t("app.name")}`);
  const firstName = user.name.split(" ")[0] ?? user.name;
  return (
    <>
      <PageHead title={t("home.hello", { name: firstName })} />
      {isAuditor ? (
        <Message
          icon={IconListSearch}
          title={t("people.auditor.title")}
          text={t("people.auditor.text")}
        />
      ) : (
        <div className={classes.page}>
          <Cabinets />
          <Recent />
        </div>
      )}
    </>
  );
}

function Cabinets() {
  const { t } = useTranslation();
  const { data } = useInfiniteQuery(cabinetsQuery);
  const cabinets = data?.pages[0]?.items ?? [];
  if (cabinets.length === 0) return null;
  return (
    <section aria-labelledby="home-cabinets">
      <div className={classes.heading}>
        <Title order={2} id="home-cabinets">
          {t("nav.cabinets")}
        </Title>
        <Link to="/library">{t("home.allCabinets")}</Link>
      </div>
      <div className={classes.cabinets}>
        {cabinets.slice(0, SHOWN_CABINETS).map((cabinet) => (
          <Link
            key={cabinet.id}
            to="/library/$folderId"
            params={{ folderId: cabinet.id }}
            className={classes.cabinet ?? ""}
          >
            <FolderIcon kind="cabinet" size={26} />
            <span className={classes.text}>
              <span className={classes.name}>{cabinet.name}</span>
              <span className={classes.meta}>
                {t("library.summary", {
                  folders: t("library.folders", { count: cabinet.child_folder_count }),
                  documents: t("library.documents", { count: cabinet.document_count }),
                })}
              </span>
            </span>
          </Link>
        ))}
      </div>
    </section>
  );
}

function Recent() {
  const { t } = useTranslation();
  const recent = useQuery(recentQuery);
  return (
    <section aria-labelledby="home-recent">
      <div className={classes.heading}>
        <Title order={2} id="home-recent">
          {t("home.recent")}
        </Title>
      </div>
      {recent.isPending && <RowSkeletons count={8} />}
      {recent.isError && <ErrorState error={recent.error} onRetry={() => void recent.refetch()} />}
      {recent.data?.items.length === 0 && (
        <Message icon={IconFiles} title={t("home.emptyTitle")} text={t("home.emptyText")} />
      )}
      <ul className={classes.list}>
        {recent.data?.items.map((document) => (
          <RecentRow key={document.id} document={document} />
        ))}
      </ul>
    </section>
  );
}

function RecentRow({ document }: { document: Document }) {
  const place = document.ancestors.map((one) => one.name).join(" / ");
  return (
    <li>
      <Link
        to="/documents/$documentId"
        params={{ documentId: document.id }}
        className={classes.row ?? ""}
      >
        <DocumentIcon name={document.name} mediaType={document.media_type} size={20} />
        <span className={classes.text}>
          <span className={classes.name}>{document.name}</span>
          <span className={classes.meta} title={place}>
            {place}
          </span>
        </span>
        <IndexMark version={document.current_version} />
        <span className={classes.size}>{formatSize(document.size)}</span>
        <span className={classes.when}>
          <When at={document.updated_at} />
        </span>
      </Link>
    </li>
  );
}
