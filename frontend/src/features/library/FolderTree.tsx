/**
 * The tree of cabinets, drawers and folders. A branch is fetched when it is opened; which branches
 * are open is remembered. The branch of the folder being shown opens by itself.
 */
import { Loader, Skeleton, Stack, Text, Tree, useTree, type TreeNodeData } from "@mantine/core";
import { useLocalStorage } from "@mantine/hooks";
import { IconChevronRight } from "@tabler/icons-react";
import { useInfiniteQuery, useQueries, useQuery } from "@tanstack/react-query";
import { useNavigate, useParams } from "@tanstack/react-router";
import { useCallback, useEffect, useMemo, type KeyboardEvent } from "react";
import { useTranslation } from "react-i18next";
import { cabinetsQuery, folderQuery, subfoldersQuery } from "@/api/queries";
import type { Folder } from "@/api/types";
import { FolderIcon } from "@/components/FileIcon";
import { useFolderDrop } from "./drag";
import classes from "./FolderTree.module.css";

/** The folders inside an opened folder; `more` when not all of them are listed. */
type Branch = { folders: Folder[]; more: boolean };
type Branches = ReadonlyMap<number, Branch>;

const NONE_OPEN: readonly number[] = [];

const sameMembers = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((id) => b.includes(id));

type TreeModel = { nodes: TreeNodeData[]; byId: ReadonlyMap<string, Folder> };

/** Marks the row that stands for the folders a branch does not list. */
const REST = "rest-of-";

function buildModel(roots: Folder[], branches: Branches, restLabel: string): TreeModel {
  const byId = new Map<string, Folder>();
  const node = (folder: Folder): TreeNodeData => {
    const value = String(folder.id);
    byId.set(value, folder);
    const branch = branches.get(folder.id);
    return {
      value,
      label: folder.name,
      hasChildren: folder.child_folder_count > 0,
      ...(branch && folder.child_folder_count > 0 ? { children: inside(folder, branch) } : {}),
    };
  };
  const inside = (folder: Folder, branch: Branch): TreeNodeData[] => {
    const nodes = branch.folders.map(node);
    if (!branch.more) return nodes;
    const value = `${REST}${folder.id}`;
    byId.set(value, folder);
    return [...nodes, { value, label: restLabel }];
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
  const [openIds, setOpenIds] = useLocalStorage<readonly number[]>({
    key: onPick ? "dms-picker-open" : "dms-tree-open",
    defaultValue: NONE_OPEN,
    getInitialValueInEffect: false,
  });

  const roots = useInfiniteQuery(cabinetsQuery);
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = roots;
  useEffect(() => {
    if (hasNextPage && !isFetchingNextPage) void fetchNextPage();
  }, [hasNextPage, isFetchingNextPage, fetchNextPage]);

  // Stable, or every render would make a new map, and with it a new tree.
  const combine = useCallback(
    (results: readonly { data?: Branch | undefined }[]): Branches => {
      const map = new Map<number, Branch>();
      results.forEach((result, index) => {
        const id = openIds[index];
        if (id !== undefined && result.data) map.set(id, result.data);
      });
      return map;
    },
    [openIds],
  );
  const branches = useQueries({ queries: openIds.map((id) => subfoldersQuery(id)), combine });

  useOpenAncestors(onPick ? null : current, setOpenIds);

  const model = useMemo(
    () =>
      buildModel(roots.data?.pages.flatMap((page) => page.items) ?? [], branches, t("tree.more")),
    [roots.data, branches, t],
  );
  const expandedState = useMemo(
    () => Object.fromEntries(openIds.map((id) => [String(id), true])),
    [openIds],
  );
  const tree = useTree({
    expandedState,
    onExpandedStateChange: (state) => {
      const next = Object.keys(state)
        .filter((id) => state[id])
        .map(Number);
      // The tree reports its whole state whenever its data change, mostly what we gave it.
      if (!sameMembers(next, openIds)) setOpenIds(next);
    },
  });

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
        if (node.value.startsWith(REST)) {
          return (
            <div
              {...props}
              className={`${props.className} ${classes.rest ?? ""}`}
              onClick={() => choose(node.value)}
            >
              {node.label}
            </div>
          );
        }
        return (
          <BranchRow
            folder={folder}
            expanded={expanded}
            hasChildren={hasChildren}
            loading={expanded && hasChildren && !branches.has(folder.id)}
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
  setOpenIds: (update: (open: readonly number[]) => readonly number[]) => void,
): void {
  const { data } = useQuery({ ...folderQuery(folderId ?? 0), enabled: folderId !== null });
  const way = data?.ancestors.map((one) => one.id).join(",");
  useEffect(() => {
    if (!way) return;
    setOpenIds((open) => [...new Set([...open, ...way.split(",").map(Number)])]);
  }, [way, setOpenIds]);
}

type BranchRowProps = {
  folder: Folder;
  expanded: boolean;
  hasChildren: boolean;
  loading: boolean;
  shown: boolean;
  props: Record<string, unknown> & { className: string };
  onChoose: () => void;
  onToggle: () => void;
};

function BranchRow({
  folder,
  expanded,
  hasChildren,
  loading,
  shown,
  props,
  onChoose,
  onToggle,
}: BranchRowProps) {
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
