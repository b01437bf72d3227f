/**
 * Which rows are selected, and which one the keyboard is on: the rules of a file manager, as pure
 * functions over the keys of the rows in their order.
 */

export type Selection = {
  readonly selected: ReadonlySet<string>;
  /** The row the keyboard acts on. */
  readonly active: string | null;
  /** Where a Shift selection started. */
  readonly anchor: string | null;
};

export const EMPTY_SELECTION: Selection = { selected: new Set(), active: null, anchor: null };

function between(keys: readonly string[], from: string, to: string): string[] {
  const a = keys.indexOf(from);
  const b = keys.indexOf(to);
  if (a < 0 || b < 0) return [to];
  return keys.slice(Math.min(a, b), Math.max(a, b) + 1);
}

export const selectOnly = (key: string): Selection => ({
  selected: new Set([key]),
  active: key,
  anchor: key,
});

export function toggle(selection: Selection, key: string): Selection {
  const selected = new Set(selection.selected);
  if (!selected.delete(key)) selected.add(key);
  return { selected, active: key, anchor: key };
}

export function extendTo(selection: Selection, keys: readonly string[], key: string): Selection {
  const anchor = selection.anchor ?? selection.active ?? key;
  return { selected: new Set(between(keys, anchor, key)), active: key, anchor };
}

export type ClickKeys = { shiftKey: boolean; ctrlKey: boolean; metaKey: boolean };

export function click(
  selection: Selection,
  keys: readonly string[],
  key: string,
  { shiftKey, ctrlKey, metaKey }: ClickKeys,
): Selection {
  if (shiftKey) return extendTo(selection, keys, key);
  if (ctrlKey || metaKey) return toggle(selection, key);
  return selectOnly(key);
}

/** The keyboard's step to another row; the ends of the list hold it. */
export function step(
  selection: Selection,
  keys: readonly string[],
  by: number,
  extend: boolean,
): Selection {
  if (keys.length === 0) return EMPTY_SELECTION;
  const at = selection.active === null ? -1 : keys.indexOf(selection.active);
  const start = at < 0 ? (by > 0 ? -1 : keys.length) : at;
  const target = keys[Math.max(0, Math.min(keys.length - 1, start + by))];
  if (target === undefined) return selection;
  return extend ? extendTo(selection, keys, target) : selectOnly(target);
}

export const selectAll = (selection: Selection, keys: readonly string[]): Selection => ({
  ...selection,
  selected: new Set(keys),
});

/** Drops what is no longer there, e.g. after a move or a refetch. */
export function keepExisting(selection: Selection, keys: ReadonlySet<string>): Selection {
  const active = selection.active !== null && keys.has(selection.active) ? selection.active : null;
  const anchor = selection.anchor !== null && keys.has(selection.anchor) ? selection.anchor : null;
  const selected = new Set([...selection.selected].filter((key) => keys.has(key)));
  const same =
    selected.size === selection.selected.size &&
    active === selection.active &&
    anchor === selection.anchor;
  return same ? selection : { selected, active, anchor };
}
