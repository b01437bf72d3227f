/** Whether the upload panel is shown, and whether it is folded to its title bar. */
import { useSyncExternalStore } from "react";

type PanelState = { readonly open: boolean; readonly folded: boolean };

let state: PanelState = { open: false, folded: false };
const listeners = new Set<() => void>();

function set(next: Partial<PanelState>): void {
  state = { ...state, ...next };
  for (const listener of listeners) listener();
}

const subscribe = (listener: () => void): (() => void) => {
  listeners.add(listener);
  return () => listeners.delete(listener);
};

export const uploadPanel = {
  show: () => set({ open: true, folded: false }),
  hide: () => set({ open: false }),
  toggle: () => set({ open: !state.open, folded: false }),
  fold: (folded: boolean) => set({ folded }),
};

export const useUploadPanel = (): PanelState => useSyncExternalStore(subscribe, () => state);
