/**
 * Dragging rows onto folders, and files from outside onto folders. What is being dragged is kept
 * here, because browsers hide a drag's data until it is dropped.
 */
import { useRef, useState, type DragEvent } from "react";
import { carriesFiles } from "@/features/uploads/walk";
import { uploadDropped } from "@/features/uploads/uploads";
import type { Item } from "./items";
import { moveItems } from "./operations";

const MARK = "application/x-dms-items";

let dragged: readonly Item[] = [];

export function startDrag(event: DragEvent, items: readonly Item[], label: string): void {
  dragged = items;
  event.dataTransfer.effectAllowed = "move";
  event.dataTransfer.setData(MARK, String(items.length));
  const image = document.createElement("div");
  image.textContent = label;
  image.className = "drag-image";
  document.body.append(image);
  event.dataTransfer.setDragImage(image, -12, -8);
  // The browser has taken its picture by the next turn of the event loop.
  setTimeout(() => image.remove());
}

export const endDrag = (): void => {
  dragged = [];
};

function acceptsItems(folderId: number): boolean {
  if (dragged.length === 0) return false;
  return dragged.every((item) =>
    item.type === "folder"
      ? item.folder.id !== folderId &&
        item.folder.parent_id !== folderId &&
        item.folder.parent_id !== null
      : item.document.folder_id !== folderId,
  );
}

type DropHandlers = {
  onDragEnter: (event: DragEvent) => void;
  onDragOver: (event: DragEvent) => void;
  onDragLeave: (event: DragEvent) => void;
  onDrop: (event: DragEvent) => void;
};

export type DropKind = "files" | "items";

/**
 * Makes an element a target for files and rows. `over` says what hovers, to be shown.
 * `folderId` null accepts nothing.
 */
export function useFolderDrop(
  folderId: number | null,
  takes: { items: boolean } = { items: true },
): { over: DropKind | null; handlers: DropHandlers } {
  const [over, setOver] = useState<DropKind | null>(null);
  // Entering a child fires before leaving the parent; only the balance tells in from out.
  const depth = useRef(0);

  const offered = (event: DragEvent): DropKind | null => {
    if (folderId === null) return null;
    if (carriesFiles(event.dataTransfer)) return "files";
    const ours = event.dataTransfer.types.includes(MARK);
    return ours && takes.items && acceptsItems(folderId) ? "items" : null;
  };

  const handlers: DropHandlers = {
    onDragEnter: (event) => {
      depth.current += 1;
      setOver(offered(event));
    },
    onDragOver: (event) => {
      const kind = offered(event);
      if (kind === null) return;
      event.preventDefault();
      event.stopPropagation();
      event.dataTransfer.dropEffect = kind === "files" ? "copy" : "move";
    },
    onDragLeave: () => {
      depth.current -= 1;
      if (depth.current <= 0) {
        depth.current = 0;
        setOver(null);
      }
    },
    onDrop: (event) => {
      depth.current = 0;
      setOver(null);
      const kind = offered(event);
      if (kind === null || folderId === null) return;
      event.preventDefault();
      event.stopPropagation();
      if (kind === "files") {
        uploadDropped(folderId, event.dataTransfer);
      } else {
        void moveItems([...dragged], folderId);
      }
    },
  };
  return { over, handlers };
}
