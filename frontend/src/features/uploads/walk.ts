/**
 * Reads what was dropped or picked into a flat list of files with the folders they lay in. Knows
 * browsers' file APIs; knows nothing of the service.
 */

export type FoundFile = {
  kind: "file";
  folders: string[];
  file: File;
  /** What it was dropped with, if the browser lets us open that again: its key. */
  root?: string | null;
};

export type Found =
  | FoundFile
  /** A folder with nothing in it: listed so that the tree arrives complete. */
  | { kind: "empty-folder"; folders: string[] };

/** Files an operating system leaves in folders for itself; nobody means to archive them. */
const LITTER = new Set([".ds_store", "thumbs.db", "desktop.ini"]);

const isLitter = (name: string): boolean => LITTER.has(name.toLowerCase());

/** macOS hands out decomposed names; the service and everyone else compare composed ones. */
const composed = (name: string): string => name.normalize("NFC");

const fileOf = (entry: FileSystemFileEntry): Promise<File> =>
  new Promise((resolve, reject) => entry.file(resolve, reject));

async function entriesOf(directory: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = directory.createReader();
  const all: FileSystemEntry[] = [];
  for (;;) {
    // A reader gives a hundred at a time and says "no more" with an empty list.
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) =>
      reader.readEntries(resolve, reject),
    );
    if (some.length === 0) return all;
    all.push(...some);
  }
}

async function* walk(
  entry: FileSystemEntry,
  folders: string[],
  root: string | null,
): AsyncGenerator<Found> {
  if (entry.isFile) {
    if (isLitter(entry.name)) return;
    yield { kind: "file", folders, file: await fileOf(entry as FileSystemFileEntry), root };
    return;
  }
  const inside = [...folders, composed(entry.name)];
  const entries = await entriesOf(entry as FileSystemDirectoryEntry);
  if (entries.length === 0) yield { kind: "empty-folder", folders: inside };
  for (const child of entries) yield* walk(child, inside, root);
}

/** Few browsers have it. */
type Openable = DataTransferItem & {
  getAsFileSystemHandle?: () => Promise<FileSystemHandle | null>;
};

/** Of so many things dropped at once handles are kept: people are asked about each when it is opened again. */
const MOST_ROOTS = 10;

/**
 * What a drop event carries; `keepRoot` may keep what was dropped, and names it. Must be called inside the event handler: the browser empties the
 * event as soon as it returns; the reading itself may go on afterwards.
 */
export function foundInDrop(
  transfer: DataTransfer,
  keepRoot: (handle: FileSystemHandle) => string | null = () => null,
): AsyncGenerator<Found> {
  const entries: { entry: FileSystemEntry; handle: Promise<FileSystemHandle | null> | null }[] = [];
  const loose: { file: File; handle: Promise<FileSystemHandle | null> | null }[] = [];
  for (const item of transfer.items) {
    if (item.kind !== "file") continue;
    const entry = item.webkitGetAsEntry();
    const file = entry ? null : item.getAsFile();
    const openable: Openable = item;
    const handle =
      transfer.items.length <= MOST_ROOTS ? openable.getAsFileSystemHandle?.() : undefined;
    // It may be refused, which only matters where it is waited for.
    handle?.catch(() => undefined);
    if (entry) entries.push({ entry, handle: handle ?? null });
    else if (file) loose.push({ file, handle: handle ?? null });
  }
  return (async function* () {
    const rootOf = async (handle: Promise<FileSystemHandle | null> | null) => {
      const opened = await handle?.catch(() => null);
      return opened ? keepRoot(opened) : null;
    };
    for (const { file, handle } of loose) {
      yield { kind: "file" as const, folders: [], file, root: await rootOf(handle) };
    }
    for (const { entry, handle } of entries) yield* walk(entry, [], await rootOf(handle));
  })();
}

/** What an `<input type=file>` holds, with or without `webkitdirectory`. */
export function foundInInput(files: Iterable<File>): FoundFile[] {
  const found: FoundFile[] = [];
  for (const file of files) {
    if (isLitter(file.name)) continue;
    const folders = file.webkitRelativePath.split("/").slice(0, -1).map(composed);
    found.push({ kind: "file", folders, file });
  }
  // Browsers list a picked folder in the order of the disk, which looks like none.
  const order = new Intl.Collator(undefined, { numeric: true });
  const path = (one: FoundFile) => [...one.folders, one.file.name].join("/");
  return found.sort((a, b) => order.compare(path(a), path(b)));
}

/** Whether a drag brings files from outside, as opposed to rows of our own. */
export const carriesFiles = (transfer: DataTransfer | null): boolean =>
  transfer?.types.includes("Files") ?? false;
