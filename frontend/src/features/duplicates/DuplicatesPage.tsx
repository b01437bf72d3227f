/** Groups of documents with nearly the same text, of all one may read. */
import { Text } from "@mantine/core";
import { useDocumentTitle } from "@mantine/hooks";
import { IconCopy } from "@tabler/icons-react";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { duplicatesQuery } from "@/api/queries";
import type { DuplicateGroup } from "@/api/types";
import { formatCount, formatShare, formatSize, formatWhen } from "@/components/format";
import { PagedList } from "@/components/PagedList";
import { PageHead } from "@/components/PageHead";
import { Message } from "@/components/States";
import { DocumentLine } from "./DocumentLine";
import classes from "./Duplicates.module.css";

export function DuplicatesPage() {
  const { t } = useTranslation();
  useDocumentTitle(`${t("duplicates.title")} · ${t("app.name")}`);
  const groups = useInfiniteQuery(duplicatesQuery);
  return (
    <>
      <PageHead title={t("duplicates.title")} />
      <div className={classes.page} tabIndex={0} role="region" aria-label={t("duplicates.title")}>
        <Text size="sm" c="dimmed" maw="60rem">
          {t("duplicates.about")}
        </Text>
        <PagedList
          query={groups}
          label={t("duplicates.groups")}
          className={classes.groups}
          row={(group) => <GroupOfDocuments key={group.documents[0]?.id} group={group} />}
          empty={
            <Message
              icon={IconCopy}
              title={t("duplicates.noneTitle")}
              text={t("duplicates.noneText")}
            />
          }
        />
      </div>
    </>
  );
}

function GroupOfDocuments({ group }: { group: DuplicateGroup }) {
  const { t } = useTranslation();
  const { documents, total, least_similarity: least, greatest_similarity: greatest } = group;
  const range = [...new Set([formatShare(least), formatShare(greatest)])].join(" – ");
  const hidden = total - documents.length;
  return (
    <li className={classes.group}>
      <div className={classes.head}>
        {t(group.total_is_lower_bound ? "duplicates.headAtLeast" : "duplicates.head", {
          count: total,
          formatted: formatCount(total),
          range,
        })}
      </div>
      <ul className={classes.documents}>
        {documents.map((one) => (
          <DocumentLine
            key={one.id}
            id={one.id}
            name={one.name}
            mediaType={one.media_type}
            ancestors={one.ancestors}
            fact={`${formatSize(one.size)} · ${formatWhen(one.created_at)}`}
          />
        ))}
      </ul>
      {hidden > 0 && (
        <div className={classes.document}>
          <Text size="xs" c="dimmed">
            {t("duplicates.more", { count: hidden, formatted: formatCount(hidden) })}
          </Text>
        </div>
      )}
    </li>
  );
}
