/**
 * A list of folders and documents as a table or as cards: virtualised, with selection, keyboard,
 * context menu, dragging out and dropping in. What fills it and what surrounds it is the page's.
 */
import { useElementSize } from "@mantine/hooks";
import { useNavigate } from "@tanstack/react-router";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useRef, useState, type DragEvent, type MouseEvent } from "react";
import { useTranslation } from "react-i18next";
import type { SortField, SortOrder } from "@/api/types";
import { endDrag, startDrag } from "./drag";
import classes from "./ItemBrowser.module.css";
import { ItemCard } from "./ItemCard";
import { ItemMenu, type MenuPlace } from "./ItemMenu";
import { HEADER_HEIGHT, ItemHeader, ItemRow } from "./ItemRow";
import { nameOf, type Item } from "./items";
import { click, selectAll, selectOnly, toggle } from "./selection";
import type { ItemSelection } from "./useItemSelection";
import { useListKeys } from "./useListKeys";

const ROW = 36;
const NARROW_ROW = 52;
const CARD = { width: 190, height: 188, gap: 10, padding: 14 };
/** Below this a row shows its details under the name instead of in columns. */
const NARROW = 620;
const LOAD_AHEAD = 30;

export type Sorting = {
  sort: SortField;
  order: SortOrder;
  onSort: (sort: SortField) => void;
};

type ItemBrowserProps = {
  label: string;
  items: readonly Item[];
  /** How many there are, loaded or not. */
  total: number;
  view: "list" | "grid";
  list: ItemSelection;
  sorting?: Sorting;
  parentId: number | null;
  loadMore: () => void;
  loadAll: () => Promise<readonly Item[]>;
};

export type RowHandlers = {
  onClick: (event: MouseEvent) => void;
  onDoubleClick: () => void;
  onContextMenu: (event: MouseEvent) => void;
  onDragStart: (event: DragEvent) => void;
  onDragEnd: () => void;
  onToggle: () => void;
  onMenu: (event: MouseEvent) => void;
};

export function ItemBrowser(props: ItemBrowserProps) {
  const { label, items, total, view, list, sorting, parentId, loadMore, loadAll } = props;
  const { t } = useTranslation();
  const navigate = useNavigate();
  const scroller = useRef<HTMLDivElement>(null);
  const { ref: sizer, width } = useElementSize();
  const [menu, setMenu] = useState<MenuPlace | null>(null);
  const { selection, setSelection, keys, selectedItems } = list;

  const narrow = width > 0 && width < NARROW;
  const grid = view === "grid";
  const columns = grid
    ? Math.max(1, Math.floor((width - 2 * CARD.padding + CARD.gap) / (CARD.width + CARD.gap)))
    : 1;
  const rowHeight = grid ? CARD.height + CARD.gap : narrow ? NARROW_ROW : ROW;
  const top = grid ? CARD.padding : HEADER_HEIGHT;
  const rows = Math.ceil(items.length / columns);

  const virtualizer = useVirtualizer({
    count: rows,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight,
    overscan: 12,
    scrollMargin: top,
    scrollPaddingStart: top,
  });
  useEffect(() => virtualizer.measure(), [virtualizer, rowHeight]);

  const visible = virtualizer.getVirtualItems();
  const last = visible.at(-1)?.index ?? 0;
  useEffect(() => {
    if (last * columns >= items.length - LOAD_AHEAD) loadMore();
  }, [last, columns, items.length, loadMore]);

  const activeIndex = selection.active === null ? -1 : keys.indexOf(selection.active);
  useEffect(() => {
    if (activeIndex >= 0) virtualizer.scrollToIndex(Math.floor(activeIndex / columns));
    // Only a move of the keyboard scrolls, not rows arriving above.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [selection.active]);

  const open = (item: Item) => {
    if (item.type === "folder") {
      void navigate({ to: "/library/$folderId", params: { folderId: item.folder.id } });
    } else {
      void navigate({ to: "/documents/$documentId", params: { documentId: item.document.id } });
    }
  };
  const openParent = () => {
    if (parentId === null) void navigate({ to: "/library" });
    else void navigate({ to: "/library/$folderId", params: { folderId: parentId } });
  };
  const targetsOf = (item: Item): readonly Item[] =>
    selection.selected.has(item.key) ? selectedItems : [item];
  const openMenu = (item: Item, x: number, y: number) => {
    if (!selection.selected.has(item.key)) setSelection(selectOnly(item.key));
    setMenu({ x, y, items: targetsOf(item) });
  };
  const closeMenu = () => {
    setMenu(null);
    scroller.current?.focus({ preventScroll: true });
  };
  const rowId = (key: string) => `item-${key}`;
  const onKeyDown = useListKeys({
    items,
    list,
    columns,
    onOpen: open,
    onParent: openParent,
    onMenu: (item) => {
      const box = document.getElementById(rowId(item.key))?.getBoundingClientRect();
      if (box) openMenu(item, box.left + 40, box.bottom - 4);
    },
    loadAll,
  });

  const handlersFor = (item: Item): RowHandlers => ({
    onClick: (event) => setSelection(click(selection, keys, item.key, event)),
    onDoubleClick: () => open(item),
    onContextMenu: (event) => {
      event.preventDefault();
      openMenu(item, event.clientX, event.clientY);
    },
    onDragStart: (event) => {
      const targets = targetsOf(item);
      const image =
        targets.length === 1 ? nameOf(item) : t("library.items", { count: targets.length });
      startDrag(event, targets, image);
    },
    onDragEnd: endDrag,
    onToggle: () => setSelection(toggle(selection, item.key)),
    onMenu: (event) => {
      const box = event.currentTarget.getBoundingClientRect();
      openMenu(item, box.left, box.bottom);
    },
  });

  const allSelected = items.length > 0 && selection.selected.size === items.length;
  const toggleAll = async () => {
    if (allSelected) list.clear();
    else
      setSelection(
        selectAll(
          selection,
          (await loadAll()).map((item) => item.key),
        ),
      );
  };

  return (
    <div
      ref={scroller}
      className={classes.scroller}
      role="grid"
      aria-label={label}
      aria-rowcount={grid ? rows : total + 1}
      aria-multiselectable
      aria-activedescendant={selection.active === null ? undefined : rowId(selection.active)}
      tabIndex={0}
      onKeyDown={onKeyDown}
      data-narrow={narrow || undefined}
    >
      {!grid && (
        <ItemHeader
          sorting={sorting}
          narrow={narrow}
          allSelected={allSelected}
          someSelected={selection.selected.size > 0}
          onToggleAll={() => void toggleAll()}
        />
      )}
      <div
        ref={sizer}
        role="rowgroup"
        className={classes.sizer}
        style={{ height: virtualizer.getTotalSize(), marginTop: grid ? CARD.padding : 0 }}
      >
        {visible.map((row) => {
          const offset = row.start - top;
          if (!grid) {
            const item = items[row.index];
            return (
              item && (
                <ItemRow
                  key={item.key}
                  id={rowId(item.key)}
                  index={row.index + 2}
                  item={item}
                  narrow={narrow}
                  selected={selection.selected.has(item.key)}
                  active={selection.active === item.key}
                  offset={offset}
                  height={rowHeight}
                  handlers={handlersFor(item)}
                />
              )
            );
          }
          const cards = items.slice(row.index * columns, (row.index + 1) * columns);
          return (
            <div
              key={row.key}
              role="row"
              aria-rowindex={row.index + 1}
              className={classes.cards}
              style={{
                transform: `translateY(${offset}px)`,
                gridTemplateColumns: `repeat(${columns}, minmax(0, 1fr))`,
                gap: CARD.gap,
                padding: `0 ${CARD.padding}px`,
                height: CARD.height,
              }}
            >
              {cards.map((item) => (
                <ItemCard
                  key={item.key}
                  id={rowId(item.key)}
                  item={item}
                  selected={selection.selected.has(item.key)}
                  active={selection.active === item.key}
                  handlers={handlersFor(item)}
                />
              ))}
            </div>
          );
        })}
      </div>
      <ItemMenu place={menu} onClose={closeMenu} onOpen={open} />
    </div>
  );
}
