/** Makes the folders a dropped tree needs, each once, reusing those that exist. */
import type { FolderKind } from "@/api/types";

type KnownFolder = { id: number; name: string };

export type FolderService = {
  /** All folders directly inside `parentId`. */
  list(parentId: number): Promise<KnownFolder[]>;
  /** Throws an error for which `isTaken` holds when the name was taken meanwhile. */
  create(parentId: number, name: string, kind: FolderKind): Promise<KnownFolder>;
  isTaken(error: unknown): boolean;
};

export class FolderMaker {
  private readonly ready = new Map<string, Promise<number>>();
  private readonly listings = new Map<number, Promise<KnownFolder[]>>();
  /** Folders this maker created: nothing can be inside them that it did not put there. */
  private readonly made = new Set<number>();

  constructor(
    private readonly service: FolderService,
    private readonly onMade: (parentId: number) => void = () => undefined,
  ) {}

  /** The id of the folder at `path` below `rootId`, made if need be. Safe to call concurrently. */
  ensure(rootId: number, path: readonly string[]): Promise<number> {
    const name = path.at(-1);
    if (name === undefined) return Promise.resolve(rootId);
    const key = `${rootId}/${path.join("/")}`;
    const known = this.ready.get(key);
    if (known) return known;
    const making = this.ensure(rootId, path.slice(0, -1)).then((parent) =>
      this.child(parent, name),
    );
    this.ready.set(key, making);
    // A failure is not remembered, so that a retry of the file tries the folder again.
    making.catch(() => this.ready.delete(key));
    return making;
  }

  /** Forgets what exists; the next tree looks again. */
  clear(): void {
    this.ready.clear();
    this.listings.clear();
    this.made.clear();
  }

  private async child(parentId: number, name: string): Promise<number> {
    const existing = this.made.has(parentId) ? undefined : await this.find(parentId, name);
    if (existing) return existing.id;
    try {
      const folder = await this.service.create(parentId, name, "folder");
      this.made.add(folder.id);
      this.onMade(parentId);
      return folder.id;
    } catch (error) {
      if (!this.service.isTaken(error)) throw error;
      this.listings.delete(parentId);
      const winner = await this.find(parentId, name);
      if (!winner) throw error;
      return winner.id;
    }
  }

  private async find(parentId: number, name: string): Promise<KnownFolder | undefined> {
    let listing = this.listings.get(parentId);
    if (!listing) {
      listing = this.service.list(parentId);
      this.listings.set(parentId, listing);
      listing.catch(() => this.listings.delete(parentId));
    }
    const folders = await listing;
    const lower = name.toLowerCase();
    return (
      folders.find((one) => one.name === name) ??
      folders.find((one) => one.name.toLowerCase() === lower)
    );
  }
}
