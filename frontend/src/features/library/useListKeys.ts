/** The keyboard in a list of items: what each key does, for the table and the grid alike. */
import type { KeyboardEvent } from "react";
import { openMove, openRename, openTrash } from "./dialogs";
import { canDelete, canMove, canWrite, type Item } from "./items";
import { selectAll, step, toggle } from "./selection";
import type { ItemSelection } from "./useItemSelection";

type ListKeysOptions = {
  items: readonly Item[];
  list: ItemSelection;
  /** Items in a row: 1 in the table. */
  columns: number;
  onOpen: (item: Item) => void;
  onParent: () => void;
  onMenu: (item: Item) => void;
  /** Loads what is not loaded yet, before "select all" means all. */
  loadAll: () => Promise<readonly Item[]>;
};

const PAGE = 12;

export function useListKeys(options: ListKeysOptions): (event: KeyboardEvent) => void {
  const { items, list, columns, onOpen, onParent, onMenu, loadAll } = options;
  const { selection, setSelection, keys, selectedItems, clear } = list;
  const active = items.find((item) => item.key === selection.active) ?? null;
  const targets = selectedItems.length > 0 ? selectedItems : active ? [active] : [];

  const all = async () => {
    const everything = await loadAll();
    setSelection(
      selectAll(
        selection,
        everything.map((item) => item.key),
      ),
    );
  };
  const move = (by: number, event: KeyboardEvent) =>
    setSelection(step(selection, keys, by, event.shiftKey));

  const actions: Record<string, (event: KeyboardEvent) => void> = {
    ArrowDown: (event) => move(columns, event),
    ArrowUp: (event) => move(-columns, event),
    PageDown: (event) => move(PAGE * columns, event),
    PageUp: (event) => move(-PAGE * columns, event),
    Home: (event) => move(-keys.length, event),
    End: (event) => move(keys.length, event),
    Enter: () => active && onOpen(active),
    " ": () => active && setSelection(toggle(selection, active.key)),
    Escape: () => clear(),
    Backspace: () => onParent(),
    F2: () => active && canWrite(active) && openRename(active),
    Delete: () => {
      if (targets.length > 0 && targets.every(canDelete)) openTrash(targets);
    },
    m: () => {
      if (targets.length > 0 && targets.every(canMove)) openMove(targets);
    },
    ContextMenu: () => active && onMenu(active),
  };
  if (columns > 1) {
    actions.ArrowRight = (event) => move(1, event);
    actions.ArrowLeft = (event) => move(-1, event);
  }

  return (event) => {
    // Keys pressed on a control inside the list belong to that control.
    if (event.target !== event.currentTarget) return;
    // A dialog takes the focus a moment after it opens; what is typed in between is meant for it.
    if (document.querySelector('[aria-modal="true"]')) return;
    const command = event.ctrlKey || event.metaKey;
    if (command && event.key.toLowerCase() === "a") {
      event.preventDefault();
      void all();
      return;
    }
    if (event.shiftKey && event.key === "F10" && active) {
      event.preventDefault();
      onMenu(active);
      return;
    }
    const action = command || event.altKey ? undefined : actions[event.key];
    if (!action) return;
    event.preventDefault();
    action(event);
  };
}
