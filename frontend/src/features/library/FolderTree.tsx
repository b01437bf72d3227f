/**
 * The tree of cabinets, drawers and folders. A branch is fetched when it is opened; which branches
 * are open is remembered. The branch of the folder being shown opens by itself.
 */
import { Loader, Skeleton, Stack, Text, Tree, useTree, type TreeNodeData } from "@mantine/core";
import { useLocalStorage } from "@mantine/hooks";
import { IconChevronRight } from "@tabler/icons-react";
import { useInfiniteQuery, useQueries, useQuery } from "@tanstack/react-query";
import { useNavigate, useParams } from "@tanstack/react-router";
import { useEffect, useMemo, type KeyboardEvent } from "react";
import { useTranslation } from "react-i18next";
import { cabinetsQuery, folderQuery, subfoldersQuery } from "@/api/queries";
import type { Folder } from "@/api/types";
import { FolderIcon } from "@/components/FileIcon";
import { useFolderDrop } from "./drag";
import classes from "./FolderTree.module.css";

type Branches = ReadonlyMap<number, { folders: Folder[]; more: boolean }>;

type TreeModel = { nodes: TreeNodeData[]; byId: ReadonlyMap<string, Folder> };

function buildModel(roots: Folder[], branches: Branches): TreeModel {
  const byId = new Map<string, Folder>();
  const node = (folder: Folder): TreeNodeData => {
    const value = String(folder.id);
    byId.set(value, folder);
    const branch = branches.get(folder.id);
    return {
      value,
      label: folder.name,
      hasChildren: folder.child_folder_count > 0,
      ...(branch && folder.child_folder_count > 0 ? { children: branch.folders.map(node) } : {}),
    };
  };
  return { nodes: roots.map(node), byId };
}

type FolderTreeProps = {
  labelledBy: string;
  /** Instead of going there, hands over the folder that was chosen. */
  onPick?: (folder: Folder) => void;
  picked?: number | null;
};

export function FolderTree({ labelledBy, onPick, picked }: FolderTreeProps) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const current = useParams({ strict: false }).folderId ?? null;
  const shown = onPick ? (picked ?? null) : current;
  const [open, setOpen] = useLocalStorage<Record<string, boolean>>({
    key: onPick ? "dms-picker-open" : "dms-tree-open",
    defaultValue: {},
    getInitialValueInEffect: false,
  });

  const roots = useInfiniteQuery(cabinetsQuery);
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = roots;
  useEffect(() => {
    if (hasNextPage && !isFetchingNextPage) void fetchNextPage();
  }, [hasNextPage, isFetchingNextPage, fetchNextPage]);

  const openIds = useMemo(
    () =>
      Object.entries(open)
        .filter(([, isOpen]) => isOpen)
        .map(([id]) => Number(id)),
    [open],
  );
  const branches = useQueries({
    queries: openIds.map((id) => subfoldersQuery(id)),
    combine: (results) => {
      const map = new Map<number, { folders: Folder[]; more: boolean }>();
      results.forEach((result, index) => {
        const id = openIds[index];
        if (id !== undefined && result.data) map.set(id, result.data);
      });
      return { map, loading: results.some((result) => result.isLoading) };
    },
  });

  useOpenAncestors(onPick ? null : current, setOpen);

  const model = useMemo(
    () => buildModel(roots.data?.pages.flatMap((page) => page.items) ?? [], branches.map),
    [roots.data, branches.map],
  );
  const tree = useTree({ expandedState: open, onExpandedStateChange: setOpen });

  const choose = (value: string) => {
    const folder = model.byId.get(value);
    if (!folder) return;
    if (onPick) onPick(folder);
    else void navigate({ to: "/library/$folderId", params: { folderId: folder.id } });
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== "Enter") return;
    const value = (event.target as HTMLElement).dataset.value;
    if (value) choose(value);
  };

  if (roots.isPending) return <TreeSkeleton />;
  if (roots.isError) {
    return (
      <Text size="xs" c="dimmed" px="xs">
        {t("tree.failed")}
      </Text>
    );
  }
  if (model.nodes.length === 0) {
    return (
      <Text size="xs" c="dimmed" px="xs">
        {t("tree.empty")}
      </Text>
    );
  }
  return (
    <Tree
      aria-labelledby={labelledBy}
      data={model.nodes}
      tree={tree}
      levelOffset={14}
      expandOnClick={false}
      onKeyDown={onKeyDown}
      classNames={{ node: classes.node, label: classes.label }}
      renderNode={({ node, expanded, hasChildren, elementProps }) => {
        const folder = model.byId.get(node.value);
        if (!folder) return null;
        const { onClick: _select, ...props } = elementProps;
        return (
          <Branch
            folder={folder}
            expanded={expanded}
            hasChildren={hasChildren}
            loading={expanded && hasChildren && !branches.map.has(folder.id)}
            shown={shown === folder.id}
            props={props}
            onChoose={() => choose(node.value)}
            onToggle={() => tree.toggleExpanded(node.value)}
          />
        );
      }}
    />
  );
}

/** Opens the way down to the folder being shown, without closing anything else. */
function useOpenAncestors(
  folderId: number | null,
  setOpen: (update: (open: Record<string, boolean>) => Record<string, boolean>) => void,
): void {
  const { data } = useQuery({ ...folderQuery(folderId ?? 0), enabled: folderId !== null });
  const way = data?.ancestors.map((one) => one.id).join(",");
  useEffect(() => {
    if (!way) return;
    setOpen((open) => ({ ...open, ...Object.fromEntries(way.split(",").map((id) => [id, true])) }));
  }, [way, setOpen]);
}

type BranchProps = {
  folder: Folder;
  expanded: boolean;
  hasChildren: boolean;
  loading: boolean;
  shown: boolean;
  props: Record<string, unknown> & { className: string };
  onChoose: () => void;
  onToggle: () => void;
};

function Branch({
  folder,
  expanded,
  hasChildren,
  loading,
  shown,
  props,
  onChoose,
  onToggle,
}: BranchProps) {
  const { over, handlers } = useFolderDrop(folder.id);
  return (
    <div
      {...props}
      {...handlers}
      className={`${props.className} ${classes.branch ?? ""}`}
      data-shown={shown || undefined}
      data-over={over ?? undefined}
      onClick={onChoose}
    >
      {loading ? (
        <Loader size={12} m={4} />
      ) : (
        <span
          className={classes.twist}
          data-expanded={expanded || undefined}
          data-hidden={!hasChildren || undefined}
          aria-hidden
          onClick={(event) => {
            event.stopPropagation();
            if (hasChildren) onToggle();
          }}
        >
          <IconChevronRight size={14} stroke={2} />
        </span>
      )}
      <FolderIcon kind={folder.kind} size={16} />
      <span className={classes.name} title={folder.name}>
        {folder.name}
      </span>
    </div>
  );
}

function TreeSkeleton() {
  return (
    <Stack gap={14} p="xs">
      {[64, 48, 72, 40].map((width) => (
        <Skeleton key={width} height={10} width={`${width}%`} />
      ))}
    </Stack>
  );
}
