/** One item of the grid view. */
import { Checkbox } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { FolderIcon } from "@/components/FileIcon";
import { formatSize } from "@/components/format";
import { When } from "@/components/When";
import { Thumbnail } from "@/features/document/viewer/Thumbnail";
import { useFolderDrop } from "./drag";
import { IndexMark } from "./IndexMark";
import type { RowHandlers } from "./ItemBrowser";
import classes from "./ItemBrowser.module.css";
import { ItemLink } from "./ItemRow";
import { nameOf, type Item } from "./items";

type ItemCardProps = {
  id: string;
  item: Item;
  selected: boolean;
  active: boolean;
  handlers: RowHandlers;
};

export function ItemCard({ id, item, selected, active, handlers }: ItemCardProps) {
  const { t } = useTranslation();
  const { over, handlers: drop } = useFolderDrop(item.type === "folder" ? item.folder.id : null);
  return (
    <div
      id={id}
      role="gridcell"
      aria-selected={selected}
      className={classes.card}
      data-selected={selected || undefined}
      data-active={active || undefined}
      data-over={over ?? undefined}
      draggable
      onClick={handlers.onClick}
      onDoubleClick={handlers.onDoubleClick}
      onContextMenu={handlers.onContextMenu}
      onDragStart={handlers.onDragStart}
      onDragEnd={handlers.onDragEnd}
      {...(item.type === "folder" ? drop : {})}
    >
      <div className={classes.cardPicture}>
        {item.type === "folder" ? (
          <FolderIcon kind={item.folder.kind} size={40} />
        ) : (
          <Thumbnail document={item.document} iconSize={40} fit="cover" />
        )}
        <div className={classes.cardCheck} onClick={(event) => event.stopPropagation()}>
          <Checkbox
            size="xs"
            tabIndex={-1}
            aria-label={t("library.selectItem", { name: nameOf(item) })}
            checked={selected}
            onChange={handlers.onToggle}
          />
        </div>
      </div>
      <div className={classes.cardText}>
        <ItemLink item={item} />
        <span className={classes.under}>
          {item.type === "folder" ? (
            t("library.items", {
              count: item.folder.child_folder_count + item.folder.document_count,
            })
          ) : (
            <>
              <When at={item.document.updated_at} /> · {formatSize(item.document.size)}{" "}
              <IndexMark version={item.document.current_version} />
            </>
          )}
        </span>
      </div>
    </div>
  );
}
