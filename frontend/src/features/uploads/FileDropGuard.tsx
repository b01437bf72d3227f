/**
 * Keeps a file that misses every drop target from replacing the application: browsers open a file
 * dropped on a page that does not want it.
 */
import { useWindowEvent } from "@mantine/hooks";
import { carriesFiles } from "./walk";

function refuse(event: DragEvent): void {
  if (!carriesFiles(event.dataTransfer) || event.defaultPrevented) return;
  event.preventDefault();
  if (event.dataTransfer) event.dataTransfer.dropEffect = "none";
}

export function FileDropGuard() {
  useWindowEvent("dragover", refuse);
  useWindowEvent("drop", refuse);
  return null;
}
