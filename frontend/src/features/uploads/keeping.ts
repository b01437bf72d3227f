/** Gathers what changes of unfinished uploads for a moment, and has it kept: 3,000 files are a few writes. */
import type { Job } from "./job";
import type { KeptUpload, UploadKeeper } from "./kept";
import { isSettled } from "./states";

const KEEP_MS = 250;

// Where nothing can be kept (a private window, a full disk), uploads work all the same.
const ignore = () => undefined;

export class Keeping {
  private readonly changed = new Set<Job>();
  private readonly gone = new Set<string>();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private owner: string | null = null;
  private page = "";

  constructor(private readonly keeper: UploadKeeper | null) {}

  isOf(owner: string): boolean {
    return this.owner === owner;
  }

  /** From now on uploads are this user's; returns what earlier pages left of theirs. */
  async begin(owner: string): Promise<KeptUpload[]> {
    this.owner = owner;
    this.page = (await this.keeper?.page()) ?? "";
    return (await this.keeper?.all(owner)) ?? [];
  }

  /** Nothing is kept of nobody's uploads. */
  end(): void {
    this.flush();
    this.owner = null;
  }

  keep(job: Job): void {
    this.changed.add(job);
    this.soon();
  }

  forget(job: Job): void {
    this.changed.delete(job);
    this.gone.add(job.key);
    this.soon();
  }

  private soon(): void {
    if (this.keeper !== null && this.owner !== null) {
      this.timer ??= setTimeout(() => this.flush(), KEEP_MS);
    }
  }

  private flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    const { owner, keeper } = this;
    if (keeper === null || owner === null) return;
    const uploads = [...this.changed]
      .filter(({ entry }) => !isSettled(entry.status))
      .map((job) => this.asKept(job, owner));
    const keys = [...this.gone];
    this.changed.clear();
    this.gone.clear();
    if (uploads.length > 0) keeper.keep(uploads).catch(ignore);
    if (keys.length > 0) keeper.forget(keys).catch(ignore);
  }

  private asKept({ entry, key, onConflict, anyway, url, root }: Job, owner: string): KeptUpload {
    const { id, name, size, lastModified, folders, target } = entry;
    return {
      ...{ key, owner, page: this.page, order: id, name, size, lastModified, folders, target },
      ...{ onConflict, anyway, url, root },
    };
  }
}
