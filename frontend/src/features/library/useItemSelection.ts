/** Selection state over the rows of one list, dropped rows removed as the list changes. */
import { useMemo, useState } from "react";
import type { Item } from "./items";
import { EMPTY_SELECTION, keepExisting, type Selection } from "./selection";

export type ItemSelection = {
  selection: Selection;
  setSelection: (selection: Selection) => void;
  keys: readonly string[];
  selectedItems: readonly Item[];
  clear: () => void;
};

export function useItemSelection(items: readonly Item[]): ItemSelection {
  const [raw, setSelection] = useState<Selection>(EMPTY_SELECTION);
  const keys = useMemo(() => items.map((item) => item.key), [items]);
  const selection = useMemo(() => keepExisting(raw, new Set(keys)), [raw, keys]);
  const selectedItems = useMemo(
    () => items.filter((item) => selection.selected.has(item.key)),
    [items, selection],
  );
  const clear = () => setSelection(EMPTY_SELECTION);
  return { selection, setSelection, keys, selectedItems, clear };
}
