/** One row of the table, and its header. */
import { ActionIcon, Badge, Checkbox } from "@mantine/core";
import { IconArrowDown, IconArrowUp, IconDots } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import type { SortField } from "@/api/types";
import { FolderIcon } from "@/components/FileIcon";
import { formatCount, formatSize } from "@/components/format";
import { When } from "@/components/When";
import { Thumbnail } from "@/features/document/viewer/Thumbnail";
import { useFolderDrop } from "./drag";
import { IndexMark } from "./IndexMark";
import type { RowHandlers, Sorting } from "./ItemBrowser";
import classes from "./ItemBrowser.module.css";
import { nameOf, type Item } from "./items";

export const HEADER_HEIGHT = 32;
const MAX_TAGS = 2;

const COLUMNS = [
  { field: "name", label: "name" },
  { field: "updated_at", label: "modified" },
  { field: null, label: "owner" },
  { field: "size", label: "size" },
] as const satisfies readonly { field: SortField | null; label: string }[];

type ItemHeaderProps = {
  sorting: Sorting | undefined;
  narrow: boolean;
  allSelected: boolean;
  someSelected: boolean;
  onToggleAll: () => void;
};

export function ItemHeader(props: ItemHeaderProps) {
  const { sorting, narrow, allSelected, someSelected, onToggleAll } = props;
  const { t } = useTranslation();
  const columns = narrow ? COLUMNS.slice(0, 1) : COLUMNS;
  return (
    <div role="rowgroup" className={classes.header} style={{ height: HEADER_HEIGHT }}>
      <div role="row" aria-rowindex={1} className={classes.row} data-header>
        <div role="columnheader" className={classes.check}>
          <Checkbox
            size="xs"
            aria-label={t("library.selectAll")}
            checked={allSelected}
            indeterminate={someSelected && !allSelected}
            onChange={onToggleAll}
          />
        </div>
        {columns.map(({ field, label }) => {
          const sorted = field !== null && sorting?.sort === field;
          const Arrow = sorting?.order === "desc" ? IconArrowDown : IconArrowUp;
          const direction = sorting?.order === "desc" ? "descending" : "ascending";
          return (
            <div
              key={label}
              role="columnheader"
              className={classes[label]}
              aria-sort={sorted ? direction : undefined}
            >
              {field !== null && sorting ? (
                <button
                  type="button"
                  className={classes.sort}
                  data-sorted={sorted || undefined}
                  onClick={() => sorting.onSort(field)}
                >
                  {t(`columns.${label}`)}
                  {sorted && <Arrow size={13} stroke={2} aria-hidden />}
                </button>
              ) : (
                t(`columns.${label}`)
              )}
            </div>
          );
        })}
        <div role="columnheader" className={classes.menu}>
          <span className="visually-hidden">{t("library.actions")}</span>
        </div>
      </div>
    </div>
  );
}

type ItemRowProps = {
  id: string;
  index: number;
  item: Item;
  narrow: boolean;
  selected: boolean;
  active: boolean;
  offset: number;
  height: number;
  handlers: RowHandlers;
};

export function ItemRow(props: ItemRowProps) {
  const { id, index, item, narrow, selected, active, offset, height, handlers } = props;
  const { t } = useTranslation();
  const { over, handlers: drop } = useFolderDrop(item.type === "folder" ? item.folder.id : null);
  const name = nameOf(item);
  return (
    <div
      id={id}
      role="row"
      aria-rowindex={index}
      aria-selected={selected}
      className={classes.row}
      data-selected={selected || undefined}
      data-active={active || undefined}
      data-over={over ?? undefined}
      style={{ transform: `translateY(${offset}px)`, height }}
      draggable
      onClick={handlers.onClick}
      onDoubleClick={handlers.onDoubleClick}
      onContextMenu={handlers.onContextMenu}
      onDragStart={handlers.onDragStart}
      onDragEnd={handlers.onDragEnd}
      {...(item.type === "folder" ? drop : {})}
    >
      <div role="gridcell" className={classes.check} onClick={(event) => event.stopPropagation()}>
        <Checkbox
          size="xs"
          tabIndex={-1}
          aria-label={t("library.selectItem", { name })}
          checked={selected}
          onChange={handlers.onToggle}
        />
      </div>
      <NameCell item={item} narrow={narrow} />
      {!narrow && (
        <>
          <div role="gridcell" className={classes.modified}>
            <When at={item.type === "folder" ? item.folder.updated_at : item.document.updated_at} />
          </div>
          <div role="gridcell" className={classes.owner}>
            {item.type === "document" && item.document.owner.name}
          </div>
          <div role="gridcell" className={classes.size}>
            {item.type === "document"
              ? formatSize(item.document.size)
              : t("library.items", {
                  count: item.folder.child_folder_count + item.folder.document_count,
                })}
          </div>
        </>
      )}
      <div role="gridcell" className={classes.menu}>
        <ActionIcon
          variant="subtle"
          color="gray"
          size="sm"
          tabIndex={-1}
          aria-label={t("library.actionsFor", { name })}
          onClick={(event) => {
            event.stopPropagation();
            handlers.onMenu(event);
          }}
        >
          <IconDots size={16} />
        </ActionIcon>
      </div>
    </div>
  );
}

function NameCell({ item, narrow }: { item: Item; narrow: boolean }) {
  const { t } = useTranslation();
  const tags = item.type === "document" ? item.document.tags : [];
  return (
    <div role="gridcell" className={classes.name}>
      <span className={classes.rowPicture}>
        {item.type === "folder" ? (
          <FolderIcon kind={item.folder.kind} />
        ) : (
          <Thumbnail document={item.document} iconSize={18} fit="cover" />
        )}
      </span>
      <div className={classes.nameText}>
        <ItemLink item={item} />
        {narrow && (
          <span className={classes.under}>
            {item.type === "document" ? (
              <>
                <When at={item.document.updated_at} /> · {formatSize(item.document.size)}
              </>
            ) : (
              t("library.items", {
                count: item.folder.child_folder_count + item.folder.document_count,
              })
            )}
          </span>
        )}
      </div>
      {item.type === "document" && <IndexMark version={item.document.current_version} />}
      {!narrow &&
        tags.slice(0, MAX_TAGS).map((tag) => (
          <Badge key={tag} color="gray" size="xs" className={classes.tag}>
            {tag}
          </Badge>
        ))}
      {!narrow && tags.length > MAX_TAGS && (
        <span className={classes.moreTags} title={tags.slice(MAX_TAGS).join(", ")}>
          +{formatCount(tags.length - MAX_TAGS)}
        </span>
      )}
    </div>
  );
}

/** The name, as a link that opens the item; the row around it selects. */
export function ItemLink({ item }: { item: Item }) {
  const shared = {
    className: classes.link ?? "",
    tabIndex: -1,
    draggable: false,
    title: nameOf(item),
    onClick: (event: { stopPropagation: () => void; shiftKey: boolean }) => {
      if (!event.shiftKey) event.stopPropagation();
    },
  };
  return item.type === "folder" ? (
    <Link to="/library/$folderId" params={{ folderId: item.folder.id }} {...shared}>
      {item.folder.name}
    </Link>
  ) : (
    <Link to="/documents/$documentId" params={{ documentId: item.document.id }} {...shared}>
      {item.document.name}
    </Link>
  );
}
