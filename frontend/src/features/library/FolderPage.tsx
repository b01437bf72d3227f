/** One folder: its way, its actions, what is in it, and a place to drop files. */
import { ActionIcon, Button, Menu, Tooltip } from "@mantine/core";
import { useDocumentTitle, useHotkeys } from "@mantine/hooks";
import {
  IconChevronDown,
  IconCloudUpload,
  IconFolderPlus,
  IconFolderUp,
  IconInbox,
  IconShieldLock,
  IconUpload,
} from "@tabler/icons-react";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useCallback, useMemo, useRef, type ChangeEvent } from "react";
import { useTranslation } from "react-i18next";
import { childrenQuery, folderQuery } from "@/api/queries";
import type { Children, Folder, FolderKind, SortField } from "@/api/types";
import { formatCount } from "@/components/format";
import { PageHead } from "@/components/PageHead";
import { ErrorState, Message, RowSkeletons } from "@/components/States";
import { uploadPanel } from "@/features/uploads/panelState";
import { uploads } from "@/features/uploads/uploads";
import { foundInInput } from "@/features/uploads/walk";
import { Breadcrumbs } from "./Breadcrumbs";
import { openNewFolder } from "./dialogs";
import { useFolderDrop } from "./drag";
import classes from "./FolderPage.module.css";
import { ItemBrowser } from "./ItemBrowser";
import { documentItem, folderItem, type Item } from "./items";
import { SelectionBar } from "./SelectionBar";
import { useItemSelection } from "./useItemSelection";
import { ViewSwitch } from "./ViewSwitch";

const route = getRouteApi("/app/library/$folderId");

const itemsOf = (pages: readonly Children[]): Item[] =>
  pages.flatMap((page) => [...page.folders.map(folderItem), ...page.documents.map(documentItem)]);

/** Newest and largest first, names from A: what a first click on the column should mean. */
const FIRST_ORDER = { name: "asc", updated_at: "desc", created_at: "desc", size: "desc" } as const;

export function FolderPage() {
  const { folderId } = route.useParams();
  // A new folder starts with a new selection and scroll position.
  return <FolderView key={folderId} folderId={folderId} />;
}

function FolderView({ folderId }: { folderId: number }) {
  const { t } = useTranslation();
  const { sort = "name", order = "asc", view = "list" } = route.useSearch();
  const navigate = route.useNavigate();
  const folder = useQuery(folderQuery(folderId));
  const children = useInfiniteQuery(childrenQuery(folderId, sort, order));
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = children;
  useDocumentTitle(folder.data ? `${folder.data.name} · ${t("app.name")}` : t("app.name"));

  const items = useMemo(() => itemsOf(children.data?.pages ?? []), [children.data]);
  const list = useItemSelection(items);
  const writable = folder.data?.permissions.includes("create") ?? false;
  const { over, handlers } = useFolderDrop(writable ? folderId : null, { items: false });

  const loadMore = useCallback(() => {
    if (hasNextPage && !isFetchingNextPage) void fetchNextPage();
  }, [hasNextPage, isFetchingNextPage, fetchNextPage]);
  const loadAll = async () => {
    let result = await fetchNextPage({ cancelRefetch: false });
    while (result.hasNextPage) result = await fetchNextPage();
    return itemsOf(result.data?.pages ?? []);
  };
  const onSort = (field: SortField) => {
    const flipped = order === "asc" ? "desc" : "asc";
    const next = field === sort ? flipped : FIRST_ORDER[field];
    void navigate({ search: (old) => ({ ...old, sort: field, order: next }), replace: true });
  };

  const error = folder.error ?? children.error;
  if (error) {
    const retry = () => {
      void folder.refetch();
      void children.refetch();
    };
    return <ErrorState error={error} onRetry={retry} />;
  }
  const total = folder.data ? folder.data.child_folder_count + folder.data.document_count : 0;

  return (
    <div className={classes.page} {...handlers}>
      <PageHead
        title={
          <Breadcrumbs ancestors={folder.data?.ancestors ?? []} name={folder.data?.name ?? "…"} />
        }
      >
        {list.selectedItems.length > 0 ? (
          <SelectionBar items={list.selectedItems} onClear={list.clear} />
        ) : (
          <>
            <ViewSwitch
              view={view}
              onChange={(next) =>
                void navigate({ search: (old) => ({ ...old, view: next }), replace: true })
              }
            />
            {folder.data && <FolderActions folder={folder.data} writable={writable} />}
          </>
        )}
      </PageHead>
      {children.isPending && <RowSkeletons />}
      {children.isSuccess && items.length === 0 && <EmptyFolder writable={writable} />}
      {items.length > 0 && (
        <>
          <ItemBrowser
            label={folder.data?.name ?? ""}
            items={items}
            total={total}
            view={view}
            list={list}
            sorting={{ sort, order, onSort }}
            parentId={folder.data?.parent_id ?? null}
            loadMore={loadMore}
            loadAll={loadAll}
          />
          <footer className={classes.foot}>
            {folder.data &&
              t("library.summary", {
                folders: t("library.folders", { count: folder.data.child_folder_count }),
                documents: t("library.documents", { count: folder.data.document_count }),
              })}
            {hasNextPage && (
              <span>
                {t("library.loaded", { count: items.length, formatted: formatCount(items.length) })}
              </span>
            )}
          </footer>
        </>
      )}
      {over === "files" && (
        <div className={classes.drop} aria-hidden>
          <div className={classes.dropLabel}>
            <IconCloudUpload size={28} stroke={1.5} />
            <span>
              <strong>{t("library.dropTitle", { name: folder.data?.name ?? "" })}</strong>
              {t("library.dropText")}
            </span>
          </div>
        </div>
      )}
    </div>
  );
}

/** What may be made inside a folder of each kind, the usual one first. */
const INSIDE: Record<FolderKind, readonly FolderKind[]> = {
  cabinet: ["folder", "drawer"],
  drawer: ["folder"],
  folder: ["folder"],
};

function FolderActions({ folder, writable }: { folder: Folder; writable: boolean }) {
  const { t } = useTranslation();
  const files = useRef<HTMLInputElement>(null);
  const tree = useRef<HTMLInputElement>(null);
  const pickFiles = () => files.current?.click();
  const newFolder = (kind: FolderKind) => openNewFolder(folder.id, kind);
  useHotkeys([
    ["N", () => writable && newFolder("folder")],
    ["U", () => writable && pickFiles()],
  ]);

  const picked = (event: ChangeEvent<HTMLInputElement>) => {
    const found = foundInInput(event.currentTarget.files ?? []);
    // The same file may be picked again right away.
    event.currentTarget.value = "";
    if (found.length === 0) return;
    uploadPanel.show();
    void uploads.addTree(folder.id, found);
  };

  return (
    <>
      <Tooltip label={t("access.title")}>
        <ActionIcon
          variant="subtle"
          color="gray"
          size={30}
          aria-label={t("access.title")}
          renderRoot={(props) => (
            <Link to="/access/$kind/$id" params={{ kind: "folder", id: folder.id }} {...props} />
          )}
        >
          <IconShieldLock size={17} stroke={1.8} />
        </ActionIcon>
      </Tooltip>
      {writable && (
        <>
          <input ref={files} type="file" multiple hidden onChange={picked} data-testid="files" />
          <input
            ref={tree}
            type="file"
            hidden
            onChange={picked}
            data-testid="folder"
            {...{ webkitdirectory: "" }}
          />
          <Menu width={200}>
            <Menu.Target>
              <Button
                visibleFrom="sm"
                variant="default"
                leftSection={<IconFolderPlus size={16} stroke={1.8} />}
                rightSection={<IconChevronDown size={14} />}
              >
                {t("library.newMenu")}
              </Button>
            </Menu.Target>
            <Menu.Dropdown>
              {INSIDE[folder.kind].map((kind) => (
                <Menu.Item key={kind} onClick={() => newFolder(kind)}>
                  {t(`library.new.${kind}`)}
                </Menu.Item>
              ))}
            </Menu.Dropdown>
          </Menu>
          <Menu width={220}>
            <Menu.Target>
              <Button
                leftSection={<IconUpload size={16} stroke={1.8} />}
                rightSection={<IconChevronDown size={14} />}
              >
                {t("library.upload")}
              </Button>
            </Menu.Target>
            <Menu.Dropdown>
              <Menu.Item leftSection={<IconUpload size={16} />} onClick={pickFiles}>
                {t("library.uploadFiles")}
              </Menu.Item>
              <Menu.Item
                leftSection={<IconFolderUp size={16} />}
                onClick={() => tree.current?.click()}
              >
                {t("library.uploadFolder")}
              </Menu.Item>
              <Menu.Divider hiddenFrom="sm" />
              {INSIDE[folder.kind].map((kind) => (
                <Menu.Item
                  key={kind}
                  hiddenFrom="sm"
                  leftSection={<IconFolderPlus size={16} />}
                  onClick={() => newFolder(kind)}
                >
                  {t(`library.new.${kind}`)}
                </Menu.Item>
              ))}
            </Menu.Dropdown>
          </Menu>
        </>
      )}
    </>
  );
}

function EmptyFolder({ writable }: { writable: boolean }) {
  const { t } = useTranslation();
  return (
    <Message
      icon={IconInbox}
      title={t("library.emptyTitle")}
      text={writable ? t("library.emptyText") : t("library.emptyReadOnly")}
    />
  );
}
