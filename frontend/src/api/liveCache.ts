/**
 * Turns live events into stale marks on the cache. Events are gathered for a moment first: an
 * import of 3,000 files must cost a handful of refetches, not 3,000.
 */
import type { InfiniteData } from "@tanstack/react-query";
import { live, type LiveEvent } from "./live";
import { folderChanged, keys, queryClient } from "./queries";
import type { Children, Document, IndexStatus } from "./types";

const GATHER_MS = 1_500;

/** What administrators are told when the store was found damaged, or whole again. */
export const FAULTS_CHANGED = "storage.faults_changed";

/** What everybody who may read a document is told when its pages were drawn, or will not be, and when their words are known. */
const PREVIEW_CHANGED = "document.preview_changed";
/** What administrators are told of the quarantine, and of jobs that failed. */
export const QUARANTINE_CHANGED = "quarantine.changed";
export const JOBS_CHANGED = "jobs.changed";
/** What they are told when a source was changed, or has brought something. */
const SOURCE_CHANGED = "intake.source_changed";

/** What those who see a document are told while somebody works on it. */
export const PROGRESS = "document.progress";

const OF_ADMINISTRATORS: Record<string, readonly string[]> = {
  [FAULTS_CHANGED]: keys.storage,
  [QUARANTINE_CHANGED]: keys.quarantine,
  [JOBS_CHANGED]: keys.jobs,
  [SOURCE_CHANGED]: keys.intake,
};

let timer: ReturnType<typeof setTimeout> | undefined;
const folders = new Set<number>();
const documents = new Set<number>();
const progressing = new Set<number>();
const indexed = new Map<number, { version: number; status: IndexStatus }>();

const asId = (value: unknown): number | null => (typeof value === "number" ? value : null);

function withStatus(document: Document): Document {
  const change = indexed.get(document.id);
  if (change?.version !== document.current_version.id) return document;
  const current_version = { ...document.current_version, index_status: change.status };
  return { ...document, current_version };
}

/** Shows new index states in the loaded lists without fetching them again. */
function patchLists(): void {
  queryClient.setQueriesData<InfiniteData<Children>>(
    {
      queryKey: ["children"],
      predicate: (query) => query.queryKey[2] === "list",
    },
    (data) =>
      data && {
        ...data,
        pages: data.pages.map((page) =>
          page.documents.some((one) => indexed.has(one.id))
            ? { ...page, documents: page.documents.map(withStatus) }
            : page,
        ),
      },
  );
}

function flush(): void {
  timer = undefined;
  if (folders.size) folderChanged(...folders);
  if (indexed.size) patchLists();
  for (const id of [...documents, ...indexed.keys()]) {
    void queryClient.invalidateQueries({ queryKey: keys.document(id) });
  }
  for (const id of progressing) {
    void queryClient.invalidateQueries({ queryKey: keys.progress(id) });
  }
  progressing.clear();
  folders.clear();
  documents.clear();
  indexed.clear();
}

function received({ event, data }: LiveEvent): void {
  const folder = asId(data.folder_id);
  const document = asId(data.document_id);
  if (event === "hello") return;
  const queryKey = OF_ADMINISTRATORS[event];
  if (queryKey) {
    void queryClient.invalidateQueries({ queryKey });
    return;
  }
  if (event === PROGRESS) {
    if (document !== null) progressing.add(document);
    timer ??= setTimeout(flush, GATHER_MS);
    return;
  }
  if (event === PREVIEW_CHANGED && document !== null) {
    void queryClient.invalidateQueries({ queryKey: keys.previews(document) });
    void queryClient.invalidateQueries({ queryKey: keys.wordsOnPages(document) });
    return;
  }
  if (event === "document.index_changed" && document !== null) {
    const version = asId(data.version_id);
    if (version !== null) {
      indexed.set(document, { version, status: data.index_status as IndexStatus });
    }
  } else {
    if (document !== null) documents.add(document);
    if (folder !== null) folders.add(folder);
  }
  timer ??= setTimeout(flush, GATHER_MS);
}

/** Connects events and gaps to the cache; returns what undoes it. */
export function keepCacheLive(): () => void {
  const stops = [live.onEvent(received), live.onGap(() => void queryClient.invalidateQueries())];
  return () => {
    for (const stop of stops) stop();
  };
}
