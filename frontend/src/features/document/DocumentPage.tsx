/** One document: its preview on the left, everything known about it on the right. */
import { Alert, Button, Menu, Skeleton, Tabs, Text } from "@mantine/core";
import { useDocumentTitle, useHotkeys } from "@mantine/hooks";
import {
  IconDots,
  IconDownload,
  IconFileUpload,
  IconFolderSymlink,
  IconHistory,
  IconPencil,
  IconRefresh,
  IconTrash,
} from "@tabler/icons-react";
import { useMutation, useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { useRef, type ChangeEvent } from "react";
import { useTranslation } from "react-i18next";
import { reindexDocument, restoreDocument } from "@/api/calls";
import { documentQuery, folderChanged, keys, queryClient, versionsQuery } from "@/api/queries";
import type { Document, Version } from "@/api/types";
import { DOCUMENT_TABS, type DocumentTab } from "@/app/search-params";
import { DocumentIcon } from "@/components/FileIcon";
import { notifyDone, notifyError } from "@/components/notify";
import { PageHead } from "@/components/PageHead";
import { ErrorState } from "@/components/States";
import { AccessPanel } from "@/features/access/AccessPanel";
import { Breadcrumbs } from "@/features/library/Breadcrumbs";
import { openMove, openRename, openTrash } from "@/features/library/dialogs";
import { documentItem } from "@/features/library/items";
import { downloadDocument } from "@/features/library/operations";
import { Action } from "@/features/library/SelectionBar";
import { uploadPanel } from "@/features/uploads/panelState";
import { uploads } from "@/features/uploads/uploads";
import classes from "./DocumentPage.module.css";
import { Preview } from "./preview/Preview";
import { PropertiesTab } from "./PropertiesTab";
import { HistoryTab } from "./HistoryTab";
import { TextTab } from "./TextTab";
import { restoreVersionOf, VersionsTab } from "./VersionsTab";

const route = getRouteApi("/app/documents/$documentId");

const asTab = (value: string | null): DocumentTab =>
  DOCUMENT_TABS.find((tab) => tab === value) ?? "properties";

export function DocumentPage() {
  const { t } = useTranslation();
  const { documentId } = route.useParams();
  const { version: number } = route.useSearch();
  const query = useQuery(documentQuery(documentId));
  const versions = useQuery({ ...versionsQuery(documentId), enabled: number !== undefined });
  useDocumentTitle(query.data ? `${query.data.name} · ${t("app.name")}` : t("app.name"));

  if (query.isError) {
    return <ErrorState error={query.error} onRetry={() => void query.refetch()} />;
  }
  if (!query.data) return <PageSkeleton />;
  const document = query.data;
  const current = document.current_version;
  const asked = number === undefined || number === current.number;
  const shown = asked ? current : versions.data?.find((one) => one.number === number);
  return <DocumentView key={documentId} document={document} version={shown ?? current} />;
}

function PageSkeleton() {
  return (
    <>
      <PageHead title={<Skeleton height={18} width={280} />} />
      <div className={classes.body}>
        <div className={classes.preview} style={{ padding: 24 }}>
          <Skeleton height="100%" mih={300} maw={640} mx="auto" />
        </div>
        <div className={classes.side} style={{ padding: 16 }}>
          {[90, 60, 75, 40, 66].map((width) => (
            <Skeleton key={width} height={12} width={`${width}%`} mb={18} />
          ))}
        </div>
      </div>
    </>
  );
}

type ViewProps = { document: Document; version: Version };

function DocumentView({ document, version }: ViewProps) {
  const { t } = useTranslation();
  const { tab = "properties", q } = route.useSearch();
  const navigate = route.useNavigate();
  return (
    <>
      <PageHead
        title={
          <>
            <DocumentIcon name={document.name} mediaType={document.media_type} size={22} />
            <Breadcrumbs ancestors={document.ancestors} name={document.name} withRoot={false} />
          </>
        }
      >
        <DocumentActions document={document} version={version} />
      </PageHead>
      {document.status === "trashed" && <TrashedBanner document={document} />}
      {version.number !== document.current_version.number && (
        <OldVersionBanner document={document} version={version} />
      )}
      <div className={classes.body}>
        <section className={classes.preview} aria-label={t("document.preview")}>
          <Preview key={version.id} document={document} version={version} query={q} />
        </section>
        <aside className={classes.side} aria-label={t("document.details")}>
          <Tabs
            value={tab}
            onChange={(next) =>
              void navigate({ search: (old) => ({ ...old, tab: asTab(next) }), replace: true })
            }
            classNames={{ root: classes.tabs, panel: classes.panel }}
          >
            <Tabs.List grow>
              {DOCUMENT_TABS.map((one) => (
                <Tabs.Tab key={one} value={one} fz="sm" px={6}>
                  {t(`document.tab.${one}`)}
                </Tabs.Tab>
              ))}
            </Tabs.List>
            <Tabs.Panel value="properties">
              <PropertiesTab document={document} version={version} />
            </Tabs.Panel>
            <Tabs.Panel value="versions">
              {tab === "versions" && <VersionsTab document={document} shown={version.number} />}
            </Tabs.Panel>
            <Tabs.Panel value="text">
              {tab === "text" && <TextTab document={document} version={version} query={q} />}
            </Tabs.Panel>
            <Tabs.Panel value="history">
              {tab === "history" && <HistoryTab documentId={document.id} />}
            </Tabs.Panel>
            <Tabs.Panel value="access">
              {tab === "access" && <AccessTab of={document} />}
            </Tabs.Panel>
          </Tabs>
        </aside>
      </div>
    </>
  );
}

function AccessTab({ of }: { of: Document }) {
  const { t } = useTranslation();
  const { of: whom } = route.useSearch();
  const navigate = route.useNavigate();
  if (of.status === "trashed") {
    return (
      <Text size="sm" c="dimmed">
        {t("access.trashed")}
      </Text>
    );
  }
  return (
    <AccessPanel
      resource={{ kind: "document", id: of.id }}
      of={whom}
      onAsk={(next) => void navigate({ search: (old) => ({ ...old, of: next }), replace: true })}
    />
  );
}

function TrashedBanner({ document }: { document: Document }) {
  const { t } = useTranslation();
  const restore = useMutation({
    mutationFn: () => restoreDocument(document.id),
    onSuccess: (restored) => {
      queryClient.setQueryData(keys.document(document.id), restored);
      folderChanged(restored.folder_id);
    },
    onError: notifyError,
  });
  return (
    <Alert color="orange" radius={0} py={6} icon={<IconTrash size={18} />}>
      {t("document.trashed")}{" "}
      <Button variant="default" size="compact-xs" ml="xs" onClick={() => restore.mutate()}>
        {t("trash.restore")}
      </Button>
    </Alert>
  );
}

function OldVersionBanner({ document, version }: ViewProps) {
  const { t } = useTranslation();
  const navigate = route.useNavigate();
  const toCurrent = () =>
    void navigate({ search: (old) => ({ ...old, version: undefined }), replace: true });
  return (
    <Alert color="blue" radius={0} py={6} icon={<IconHistory size={18} />}>
      {t("document.oldVersion", {
        number: version.number,
        current: document.current_version.number,
      })}{" "}
      <Button variant="default" size="compact-xs" ml="xs" onClick={toCurrent}>
        {t("document.showCurrent")}
      </Button>
      {document.permissions.includes("write") && (
        <Button
          variant="subtle"
          size="compact-xs"
          ml="xs"
          onClick={() => void restoreVersionOf(document, version.number).then(toCurrent)}
        >
          {t("versions.restore")}
        </Button>
      )}
    </Alert>
  );
}

function DocumentActions({ document, version }: ViewProps) {
  const { t } = useTranslation();
  const navigate = route.useNavigate();
  const file = useRef<HTMLInputElement>(null);
  const item = documentItem(document);
  const writable = document.permissions.includes("write") && document.status === "active";
  const deletable = document.permissions.includes("delete") && document.status === "active";
  const isCurrent = version.number === document.current_version.number;
  const download = () => void downloadDocument(document.id, isCurrent ? undefined : version.number);
  useHotkeys([
    ["F2", () => writable && openRename(item)],
    ["D", download],
    [
      "Backspace",
      () => void navigate({ to: "/library/$folderId", params: { folderId: document.folder_id } }),
    ],
  ]);

  const picked = (event: ChangeEvent<HTMLInputElement>) => {
    const chosen = event.currentTarget.files?.[0];
    event.currentTarget.value = "";
    if (!chosen) return;
    uploadPanel.show();
    uploads.add({ kind: "version", documentId: document.id, comment: "" }, chosen);
  };
  const reindex = () => {
    reindexDocument(document.id)
      .then((next) => {
        queryClient.setQueryData(keys.document(document.id), next);
        notifyDone(t("document.reindexing"));
      })
      .catch(notifyError);
  };

  return (
    <>
      <input ref={file} type="file" hidden onChange={picked} data-testid="new-version" />
      <Action icon={IconDownload} label={t("library.download")} onClick={download} />
      {(writable || deletable) && (
        <Menu width={220}>
          <Menu.Target>
            <Button variant="default" px={7} aria-label={t("document.more")}>
              <IconDots size={17} />
            </Button>
          </Menu.Target>
          <Menu.Dropdown>
            {writable && (
              <>
                <Menu.Item
                  leftSection={<IconFileUpload size={16} />}
                  onClick={() => file.current?.click()}
                >
                  {t("document.newVersion")}
                </Menu.Item>
                <Menu.Item leftSection={<IconPencil size={16} />} onClick={() => openRename(item)}>
                  {t("library.renameEllipsis")}
                </Menu.Item>
                <Menu.Item
                  leftSection={<IconFolderSymlink size={16} />}
                  onClick={() => openMove([item])}
                >
                  {t("library.moveEllipsis")}
                </Menu.Item>
                <Menu.Item leftSection={<IconRefresh size={16} />} onClick={reindex}>
                  {t("document.reindex")}
                </Menu.Item>
              </>
            )}
            {deletable && (
              <>
                <Menu.Divider />
                <Menu.Item
                  className="danger-item"
                  leftSection={<IconTrash size={16} />}
                  onClick={() => {
                    openTrash([item]);
                    void navigate({
                      to: "/library/$folderId",
                      params: { folderId: document.folder_id },
                    });
                  }}
                >
                  {t("library.toTrash")}
                </Menu.Item>
              </>
            )}
          </Menu.Dropdown>
        </Menu>
      )}
    </>
  );
}
