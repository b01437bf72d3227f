/** The application's one upload queue, wired to the service, the cache, the network and the tab. */
import { useSyncExternalStore } from "react";
import { createFolder, getDocument, listChildren } from "@/api/calls";
import { live } from "@/api/live";
import { isProblem } from "@/api/problem";
import { folderChanged, keys, queryClient } from "@/api/queries";
import { session } from "@/api/session";
import type { IndexStatus, Me } from "@/api/types";
import { FolderMaker } from "./folderMaker";
import { fileWithin, mayBeRead } from "./handles";
import { inspectFiles } from "./inspect";
import { IndexedKeeper } from "./kept";
import { uploadPanel } from "./panelState";
import type { QueueSnapshot } from "./board";
import { UploadQueue } from "./queue";
import type { UploadService } from "./service";
import { discardUpload, randomKey, sendUpload, uploadState } from "./transport";
import { foundInDrop } from "./walk";

/** Lists are refetched at most this often while files pour in. */
const REFRESH_MS = 2_500;

const touched = new Set<number>();
let refreshTimer: ReturnType<typeof setTimeout> | undefined;

function refreshSoon(folderId: number): void {
  touched.add(folderId);
  refreshTimer ??= setTimeout(() => {
    refreshTimer = undefined;
    folderChanged(...touched);
    touched.clear();
  }, REFRESH_MS);
}

async function listFolders(parentId: number) {
  const folders = [];
  let cursor: string | null = null;
  do {
    const from: { cursor?: string } = cursor === null ? {} : { cursor };
    const page = await listChildren(parentId, { sort: "name", order: "asc", ...from });
    folders.push(...page.folders);
    // Folders come before documents: once documents appear there are no more folders.
    cursor = page.documents.length ? null : page.next_cursor;
  } while (cursor !== null);
  return folders;
}

const maker = new FolderMaker(
  {
    list: listFolders,
    create: (parentId, name, kind) => createFolder(name, parentId, kind),
    isTaken: (error) => isProblem(error, "name_taken"),
  },
  refreshSoon,
);

const keeper = new IndexedKeeper();

const service: UploadService = {
  send: sendUpload,
  inspect: (files) => inspectFiles(files, (rootId, path) => maker.ensure(rootId, path)),
  state: uploadState,
  discard: discardUpload,
  ensureFolder: (rootId, path) => maker.ensure(rootId, path),
  document: getDocument,
  stored: (document) => {
    refreshSoon(document.folder_id);
    // The folder above shows how many documents are in this one.
    const above = document.ancestors.at(-2);
    if (above) refreshSoon(above.id);
    void queryClient.invalidateQueries({ queryKey: keys.document(document.id) });
  },
  liveConnected: () => live.connected,
};

export const uploads = new UploadQueue(service, keeper);

/** Queues what was dropped on a folder, and keeps what can be opened again. */
export function uploadDropped(folderId: number, transfer: DataTransfer): void {
  const keepRoot = (handle: FileSystemHandle): string => {
    const key = randomKey();
    // Without it the file has to be chosen again.
    keeper.keepRoot({ key, handle }).catch(() => undefined);
    return key;
  };
  uploadPanel.show();
  void uploads.addTree(folderId, foundInDrop(transfer, keepRoot));
}

/** Lists what this user left unfinished. */
export async function restoreUploads({ user, organisation }: Me): Promise<void> {
  // Where nothing was kept (a private window), there is nothing to go on with.
  const left = await uploads.restore(`${organisation.id}/${user.id}`).catch(() => 0);
  if (left > 0) uploadPanel.show();
}

/**
 * Opens again what was dropped in an earlier page; the browser may ask about it, and lets us ask
 * only when somebody has just clicked. Returns how many uploads go on.
 */
export async function reopenUploads(): Promise<number> {
  let reopened = 0;
  const wanted = uploads.reopenable();
  for (const key of new Set(wanted.map(({ root }) => root))) {
    const root = await keeper.root(key).catch(() => undefined);
    if (!root || !(await mayBeRead(root.handle))) continue;
    for (const { id, folders, name } of wanted.filter((one) => one.root === key)) {
      const file = await fileWithin(root.handle, folders, name);
      if (file && uploads.reopened(id, file)) reopened += 1;
    }
  }
  return reopened;
}

export const useUploads = (): QueueSnapshot =>
  useSyncExternalStore(uploads.subscribe, uploads.getSnapshot);

live.onEvent(({ event, data }) => {
  if (event === "document.index_changed" && typeof data.version_id === "number") {
    uploads.indexChanged(data.version_id, data.index_status as IndexStatus);
  }
});

session.subscribe(() => {
  if (session.state === "signed_in") uploads.resumeFrom("signed_out");
});

// A tree dropped later must look again: folders may have been moved or deleted in between.
uploads.subscribe(() => {
  if (!uploads.busy) maker.clear();
});

window.addEventListener("offline", () => uploads.hold("offline"));
window.addEventListener("online", () => uploads.resumeFrom("offline"));
window.addEventListener("beforeunload", (event) => {
  if (uploads.busy) event.preventDefault();
});
