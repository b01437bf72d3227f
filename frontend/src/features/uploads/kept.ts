/**
 * What is kept of unfinished uploads so that they survive the page: which file, where to, how far.
 * IndexedDB, because it also keeps handles of files, where the browser gives them.
 */
import { randomKey, type OnConflict } from "./transport";
import type { UploadTarget } from "./job";

export type KeptUpload = {
  readonly key: string;
  /** Whose it is: another user of this browser must not see it. */
  readonly owner: string;
  /** The page that has it now. */
  readonly page: string;
  readonly order: number;
  readonly name: string;
  readonly size: number;
  readonly lastModified: number;
  readonly folders: readonly string[];
  readonly target: UploadTarget;
  readonly onConflict: OnConflict;
  readonly anyway: boolean;
  readonly url: string | null;
  /** The dropped thing it came out of, and the way inside of it. */
  readonly root: string | null;
};

/** A dropped file or folder that the browser lets us open again. */
export type KeptRoot = { readonly key: string; readonly handle: FileSystemHandle };

export interface UploadKeeper {
  /** Names this page, in what it keeps. */
  page(): Promise<string>;
  keep(uploads: readonly KeptUpload[]): Promise<void>;
  forget(keys: readonly string[]): Promise<void>;
  /** What a user left unfinished in pages that are gone, in order. */
  all(owner: string): Promise<KeptUpload[]>;
  keepRoot(root: KeptRoot): Promise<void>;
  root(key: string): Promise<KeptRoot | undefined>;
}

const DATABASE = "dms-uploads";
const UPLOADS = "uploads";
const ROOTS = "roots";

const done = <T>(request: IDBRequest<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("IndexedDB failed"));
  });

const committed = (transaction: IDBTransaction): Promise<void> =>
  new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error ?? new Error("IndexedDB failed"));
  });

function open(): Promise<IDBDatabase> {
  const request = indexedDB.open(DATABASE, 1);
  request.onupgradeneeded = () => {
    request.result.createObjectStore(UPLOADS, { keyPath: "key" });
    request.result.createObjectStore(ROOTS, { keyPath: "key" });
  };
  return done(request);
}

/** Browsers offer locks to secure origins only. */
const locks = (): LockManager | undefined => (navigator as { locks?: LockManager }).locks;
const lockOf = (page: string): string => `${DATABASE}/${page}`;
/** A page that is reloaded lets go of its lock a moment after the next one asks for it. */
const RELOAD_MS = 1_500;

/** Holds the lock of a page for as long as the page lives; false: another page holds it. */
function hold(page: string): Promise<boolean> {
  const manager = locks();
  if (!manager) return Promise.resolve(true);
  const forever = () => new Promise<never>(() => undefined);
  return new Promise((resolve) => {
    const given = () => {
      resolve(true);
      return forever();
    };
    const waited = AbortSignal.timeout(RELOAD_MS);
    manager.request(lockOf(page), { signal: waited }, given).catch(() => resolve(false));
  });
}

/** This page's name: that of the one before in this tab, unless the tab was doubled. */
async function namePage(): Promise<string> {
  const before = sessionStorage.getItem(DATABASE);
  if (before !== null && (await hold(before))) return before;
  const page = randomKey();
  sessionStorage.setItem(DATABASE, page);
  await hold(page);
  return page;
}

/** The names of the pages that are open now. */
async function openPages(): Promise<ReadonlySet<string>> {
  const held = (await locks()?.query())?.held ?? [];
  return new Set(held.map((lock) => (lock.name ?? "").slice(lockOf("").length)));
}

export class IndexedKeeper implements UploadKeeper {
  private database: Promise<IDBDatabase> | undefined;
  private named: Promise<string> | undefined;

  page(): Promise<string> {
    this.named ??= namePage();
    return this.named;
  }

  private async begin(mode: IDBTransactionMode): Promise<IDBTransaction> {
    this.database ??= open();
    return (await this.database).transaction([UPLOADS, ROOTS], mode);
  }

  async keep(uploads: readonly KeptUpload[]): Promise<void> {
    const transaction = await this.begin("readwrite");
    for (const one of uploads) transaction.objectStore(UPLOADS).put(one);
    await committed(transaction);
  }

  /** Forgets uploads, and what was dropped once nothing of it is left. */
  async forget(keys: readonly string[]): Promise<void> {
    const transaction = await this.begin("readwrite");
    for (const key of keys) transaction.objectStore(UPLOADS).delete(key);
    const left = await done(transaction.objectStore(UPLOADS).count());
    if (left === 0) transaction.objectStore(ROOTS).clear();
    await committed(transaction);
  }

  async all(owner: string): Promise<KeptUpload[]> {
    const [mine, others] = [await this.page(), await openPages()];
    const transaction = await this.begin("readonly");
    const every = (await done(transaction.objectStore(UPLOADS).getAll())) as KeptUpload[];
    return every
      .filter((one) => one.owner === owner && (one.page === mine || !others.has(one.page)))
      .sort((a, b) => a.order - b.order);
  }

  async keepRoot(root: KeptRoot): Promise<void> {
    const transaction = await this.begin("readwrite");
    transaction.objectStore(ROOTS).put(root);
    await committed(transaction);
  }

  async root(key: string): Promise<KeptRoot | undefined> {
    const transaction = await this.begin("readonly");
    return (await done(transaction.objectStore(ROOTS).get(key))) as KeptRoot | undefined;
  }
}
