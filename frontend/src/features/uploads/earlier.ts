/** Going on with what an earlier page began: each upload waits for its file, which somebody gives again. */
import type { Begun } from "./begun";
import type { Board } from "./board";
import { fingerprint, type Job, samePath, sameTarget, type UploadTarget } from "./job";
import type { Keeping } from "./keeping";
import type { Line } from "./line";
import { Orphans } from "./orphans";
import type { Outcomes } from "./outcomes";
import type { UploadService } from "./service";
import type { Found } from "./walk";

/** So many are asked about at a time. */
const LOOKED_UP_AT_ONCE = 4;

/** An upload whose file can perhaps be opened again: the key of what it came out of, and the way in. */
export type Reopenable = { id: number; root: string; folders: readonly string[]; name: string };

export class Earlier {
  private readonly orphans = new Orphans();

  constructor(
    private readonly service: UploadService,
    private readonly board: Board,
    private readonly line: Line,
    private readonly begun: Begun,
    private readonly outcomes: Outcomes,
    private readonly keeping: Keeping,
  ) {}

  /** Lists what the user left unfinished in an earlier page; returns how much that is. */
  async restore(owner: string): Promise<number> {
    if (this.keeping.isOf(owner)) return 0;
    const kept = await this.keeping.begin(owner);
    const known = new Set([...this.board.all()].map((job) => job.key));
    const begun: Job[] = [];
    const left = kept.filter(({ key }) => !known.has(key));
    for (const one of left) {
      const job = this.board.add(one, "interrupted");
      this.orphans.add(job);
      if (job.url !== null) begun.push(job);
    }
    // It is this page's now; what was queued before this was known is kept as well.
    for (const job of this.board.all()) this.keeping.keep(job);
    this.board.tell();
    // The service may have had all of it when the page was left, or have given it up.
    const look = async () => {
      for (let job = begun.shift(); job; job = begun.shift()) await this.lookUp(job);
    };
    for (let turn = 0; turn < LOOKED_UP_AT_ONCE; turn += 1) void look();
    return left.length;
  }

  private async lookUp(job: Job): Promise<void> {
    if (job.url === null) return;
    const state = await this.service.state(job.url).catch(() => null);
    if (state === null || job.entry.status !== "interrupted") return;
    if (state.kind === "unfinished") this.board.setSent(job, state.offset);
    else if (state.kind === "gone") this.begun.urlKnown(job, null);
    else {
      this.orphans.remove(job);
      if (state.kind === "finished") this.outcomes.kept(job, state.document);
      else this.outcomes.refused(job, state.problem);
    }
    this.board.tell();
  }

  /** Waits for its file. */
  wait(job: Job): void {
    this.board.become(job, "interrupted");
    this.orphans.add(job);
  }

  /** Waits no more. */
  forget(job: Job): void {
    this.orphans.remove(job);
  }

  forgetAll(): void {
    this.orphans.clear();
  }

  /** Goes on with the upload of this file to the same place, if an earlier page began one. */
  goOnWith(file: File, target: UploadTarget, folders: readonly string[]): boolean {
    const job = this.orphans.find(
      file,
      ({ entry }) => sameTarget(entry.target, target) && samePath(entry.folders, folders),
    );
    if (job) this.goOn(job, file);
    return job !== undefined;
  }

  /**
   * Gives files again that an earlier page was uploading; returns how many of them were known.
   * The same folders need not be picked: a file is known by its name, size and time.
   */
  async offer(found: AsyncIterable<Found> | Iterable<Found>): Promise<number> {
    let known = 0;
    for await (const one of found) {
      if (one.kind !== "file") continue;
      const job =
        this.orphans.find(one.file, ({ entry }) => samePath(entry.folders, one.folders)) ??
        this.orphans.find(one.file, () => true);
      if (!job) continue;
      known += 1;
      this.goOn(job, one.file);
    }
    return known;
  }

  reopenable(): Reopenable[] {
    const found = [];
    for (const { entry, root } of this.board.all()) {
      if (entry.status !== "interrupted" || root === null) continue;
      found.push({ id: entry.id, root, folders: entry.folders, name: entry.name });
    }
    return found;
  }

  /** Goes on with one upload, if this is still the file that it was of. */
  reopened(id: number, file: File): boolean {
    const job = this.board.get(id);
    if (job?.entry.status !== "interrupted") return false;
    if (fingerprint(file) !== fingerprint(job.entry)) return false;
    this.goOn(job, file);
    return true;
  }

  private goOn(job: Job, file: File): void {
    job.file = file;
    this.orphans.remove(job);
    this.board.become(job, "queued");
    this.line.enter(job);
    this.line.pump();
  }
}
