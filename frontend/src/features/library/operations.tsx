/**
 * What people do to one or many items: rename, move, trash, restore, download. Runs a bounded
 * number of requests at a time, refreshes what they touched and says how it went.
 */
import { Button, Group, Text } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import {
  contentTicket,
  restoreDocument,
  restoreFolder,
  trashDocument,
  trashFolder,
  updateDocument,
  updateFolder,
} from "@/api/calls";
import { folderChanged, keys, queryClient } from "@/api/queries";
import { notifyDone, notifyError } from "@/components/notify";
import { explain } from "@/components/useExplain";
import { i18next } from "@/i18n";
import { nameOf, parentOf, type Item } from "./items";

const AT_ONCE = 4;

type Failure = { item: Item; error: unknown };

/** Runs `work` on every item, a few at a time; what failed comes back, the rest is done. */
export async function forEachItem(
  items: readonly Item[],
  work: (item: Item) => Promise<unknown>,
): Promise<Failure[]> {
  const failures: Failure[] = [];
  const rest = [...items];
  const worker = async () => {
    for (let item = rest.shift(); item !== undefined; item = rest.shift()) {
      try {
        await work(item);
      } catch (error) {
        failures.push({ item, error });
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, items.length) }, worker));
  return failures;
}

function reportFailures(failures: readonly Failure[], total: number): void {
  const first = failures[0];
  if (first === undefined) return;
  if (total === 1) {
    notifyError(first.error);
    return;
  }
  const { title } = explain(i18next.t, first.error);
  notifications.show({
    color: "red",
    autoClose: 10_000,
    title: i18next.t("library.someFailed", { count: failures.length, total }),
    message: `${nameOf(first.item)}: ${title}`,
  });
}

function refresh(items: readonly Item[], ...folders: number[]): void {
  folderChanged(...folders, ...new Set(items.map(parentOf)));
  for (const item of items) {
    const key =
      item.type === "folder" ? keys.folder(item.folder.id) : keys.document(item.document.id);
    void queryClient.invalidateQueries({ queryKey: key });
  }
  void queryClient.invalidateQueries({ queryKey: ["trash"] });
}

const succeeded = (items: readonly Item[], failures: readonly Failure[]): Item[] => {
  const failed = new Set(failures.map((failure) => failure.item));
  return items.filter((item) => !failed.has(item));
};

export function renameItem(item: Item, name: string): Promise<unknown> {
  const change =
    item.type === "folder"
      ? updateFolder(item.folder.id, { name })
      : updateDocument(item.document.id, { name }, item.document.etag);
  return change.then(() => refresh([item]));
}

export async function moveItems(items: readonly Item[], folderId: number): Promise<void> {
  const failures = await forEachItem(items, (item) =>
    item.type === "folder"
      ? updateFolder(item.folder.id, { parent_id: folderId })
      : updateDocument(item.document.id, { folder_id: folderId }),
  );
  refresh(items, folderId);
  reportFailures(failures, items.length);
  const moved = items.length - failures.length;
  if (moved > 0) notifyDone(i18next.t("library.moved", { count: moved }));
}

async function restoreItems(items: readonly Item[]): Promise<void> {
  const failures = await forEachItem(items, (item) =>
    item.type === "folder" ? restoreFolder(item.folder.id) : restoreDocument(item.document.id),
  );
  refresh(items);
  reportFailures(failures, items.length);
}

/** To the trash, with the way back in the message. */
export async function trashItems(items: readonly Item[]): Promise<void> {
  const failures = await forEachItem(items, (item) =>
    item.type === "folder" ? trashFolder(item.folder.id) : trashDocument(item.document.id),
  );
  refresh(items);
  reportFailures(failures, items.length);
  const gone = succeeded(items, failures);
  if (gone.length === 0) return;
  const id = `trashed-${Date.now()}`;
  const undo = () => {
    notifications.hide(id);
    void restoreItems(gone);
  };
  notifications.show({
    id,
    color: "gray",
    autoClose: 8_000,
    message: (
      <Group justify="space-between" wrap="nowrap">
        <Text size="sm">{i18next.t("library.trashed", { count: gone.length })}</Text>
        <Button variant="subtle" size="compact-xs" onClick={undo}>
          {i18next.t("common.undo")}
        </Button>
      </Group>
    ),
  });
}

/** Has the browser save a document itself, so that size does not matter. */
export async function downloadDocument(id: number, version?: number): Promise<void> {
  try {
    const { url } = await contentTicket(id, version ?? null, "attachment");
    const link = document.createElement("a");
    link.href = url;
    link.download = "";
    document.body.append(link);
    link.click();
    link.remove();
  } catch (error) {
    notifyError(error);
  }
}

export async function downloadItems(items: readonly Item[]): Promise<void> {
  for (const item of items) {
    if (item.type === "document") await downloadDocument(item.document.id);
  }
}
