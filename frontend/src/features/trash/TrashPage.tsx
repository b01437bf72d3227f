/** What was deleted: bring it back, or (administrators) destroy it before its time. */
import { ActionIcon, Button, Group, Text, Tooltip } from "@mantine/core";
import { useDocumentTitle } from "@mantine/hooks";
import { modals } from "@mantine/modals";
import { IconArrowBackUp, IconTrash, IconTrashX } from "@tabler/icons-react";
import { useInfiniteQuery, useMutation } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { purgeDocument, purgeFolder, restoreDocument, restoreFolder } from "@/api/calls";
import { isProblem } from "@/api/problem";
import { folderChanged, queryClient, trashQuery } from "@/api/queries";
import type { Document, Folder, TrashItem } from "@/api/types";
import { useMe } from "@/app/useMe";
import { DocumentIcon, FolderIcon } from "@/components/FileIcon";
import { notifyDone, notifyError } from "@/components/notify";
import { PageHead } from "@/components/PageHead";
import { ErrorState, Message, RowSkeletons } from "@/components/States";
import { When } from "@/components/When";
import { More } from "@/components/PagedList";
import { i18next } from "@/i18n";
import classes from "./TrashPage.module.css";

function changed(): void {
  void queryClient.invalidateQueries({ queryKey: trashQuery.queryKey });
}

const bringBack = (item: TrashItem): Promise<Folder | Document> =>
  item.type === "folder" ? restoreFolder(item.id) : restoreDocument(item.id);

const purge = (item: TrashItem): Promise<unknown> =>
  item.type === "folder" ? purgeFolder(item.id) : purgeDocument(item.id);

/** A name taken meanwhile is no dead end: the document can come back under another one. */
function offerRename(item: TrashItem): void {
  modals.openConfirmModal({
    title: i18next.t("trash.takenTitle", { name: item.name }),
    children: <Text size="sm">{i18next.t("trash.takenText")}</Text>,
    labels: { confirm: i18next.t("trash.restoreRenamed"), cancel: i18next.t("common.cancel") },
    onConfirm: () => {
      restoreDocument(item.id, "rename")
        .then((document) => {
          folderChanged(document.folder_id);
          notifyDone(i18next.t("trash.restoredAs", { name: document.name }));
        })
        .catch(notifyError)
        .finally(changed);
    },
  });
}

function askPurge(item: TrashItem): void {
  modals.openConfirmModal({
    title: i18next.t("trash.purgeTitle", { name: item.name }),
    children: <Text size="sm">{i18next.t("trash.purgeText")}</Text>,
    labels: { confirm: i18next.t("trash.purge"), cancel: i18next.t("common.cancel") },
    confirmProps: { color: "red" },
    onConfirm: () => {
      purge(item)
        .then(() => notifyDone(i18next.t("trash.purged")))
        .catch(notifyError)
        .finally(changed);
    },
  });
}

export function TrashPage() {
  const { t } = useTranslation();
  useDocumentTitle(`${t("nav.trash")} · ${t("app.name")}`);
  const trash = useInfiniteQuery(trashQuery);
  const items = trash.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <>
      <PageHead title={t("nav.trash")} />
      {trash.isPending && <RowSkeletons />}
      {trash.isError && <ErrorState error={trash.error} onRetry={() => void trash.refetch()} />}
      {trash.isSuccess && items.length === 0 && (
        <Message icon={IconTrash} title={t("trash.emptyTitle")} text={t("trash.emptyText")} />
      )}
      {items.length > 0 && (
        <div className={classes.scroller} tabIndex={0} role="region" aria-label={t("nav.trash")}>
          <table className={classes.table}>
            <thead>
              <tr>
                <th>{t("columns.name")}</th>
                <th className={classes.wide}>{t("trash.from")}</th>
                <th className={classes.wide}>{t("trash.deleted")}</th>
                <th className={classes.medium}>{t("trash.purgedOn")}</th>
                <th>
                  <span className="visually-hidden">{t("library.actions")}</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {items.map((item) => (
                <TrashRow key={`${item.type}${item.id}`} item={item} />
              ))}
            </tbody>
          </table>
          <More query={trash} />
        </div>
      )}
    </>
  );
}

function TrashRow({ item }: { item: TrashItem }) {
  const { t } = useTranslation();
  const { isAdministrator } = useMe();
  const restore = useMutation({
    mutationFn: () => bringBack(item),
    onSuccess: (restored) => {
      const parent = "folder_id" in restored ? restored.folder_id : restored.parent_id;
      folderChanged(parent);
      notifyDone(t("trash.restored", { name: restored.name }));
    },
    onError: (error) => {
      if (item.type === "document" && isProblem(error, "name_taken")) offerRename(item);
      else notifyError(error);
    },
    onSettled: changed,
  });
  const place = item.location.map((one) => one.name).join(" / ");
  return (
    <tr>
      <td>
        <div className={classes.name}>
          {item.type === "folder" ? (
            <FolderIcon kind="folder" />
          ) : (
            <DocumentIcon name={item.name} />
          )}
          <span title={item.name}>{item.name}</span>
        </div>
      </td>
      <td className={classes.wide} title={place}>
        {place || t("nav.library")}
      </td>
      <td className={classes.wide}>
        <When at={item.deleted_at} />· {item.deleted_by.name}
      </td>
      <td className={classes.medium}>
        <When at={item.purge_at} />
      </td>
      <td>
        <Group gap={4} wrap="nowrap" justify="flex-end">
          <Button
            variant="default"
            size="compact-sm"
            leftSection={<IconArrowBackUp size={15} />}
            loading={restore.isPending}
            onClick={() => restore.mutate()}
            aria-label={t("trash.restoreOf", { name: item.name })}
          >
            {t("trash.restore")}
          </Button>
          {isAdministrator && (
            <Tooltip label={t("trash.purge")}>
              <ActionIcon
                variant="subtle"
                color="red"
                onClick={() => askPurge(item)}
                aria-label={t("trash.purgeOf", { name: item.name })}
              >
                <IconTrashX size={16} />
              </ActionIcon>
            </Tooltip>
          )}
        </Group>
      </td>
    </tr>
  );
}
