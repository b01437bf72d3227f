/**
 * The uploads there are and what each has become: counted, kept while they are unfinished, and told to
 * watchers at most a few times a second, so that 3,000 files cost what 30 do.
 */
import { type Job, newJob } from "./job";
import type { Keeping } from "./keeping";
import type { KeptUpload } from "./kept";
import { Pace } from "./pace";
import { GROUP, isSettled, type UploadGroup, type UploadStatus } from "./states";
import { Tally } from "./tally";

/** Why nothing new is being started. */
export type HoldReason = "user" | "offline" | "signed_out" | "storage_full";

/** What a watcher renders from; a new object whenever anything changed. */
export type QueueSnapshot = {
  readonly version: number;
  readonly total: number;
  readonly groups: Readonly<Record<UploadGroup, number>>;
  readonly conflicts: number;
  readonly duplicates: number;
  readonly interrupted: number;
  readonly retryable: number;
  readonly bytes: number;
  readonly bytesSent: number;
  /** Until all have arrived; null where nobody can tell. */
  readonly secondsLeft: number | null;
  readonly hold: HoldReason | null;
};

const TELL_MS = 120;

export class Board {
  hold: HoldReason | null = null;
  private readonly jobs = new Map<number, Job>();
  private readonly tally = new Tally();
  private readonly pace = new Pace();
  private readonly listeners = new Set<() => void>();
  private nextId = 1;
  /** How many have needed someone so far. */
  private asked = 0;
  private tellTimer: ReturnType<typeof setTimeout> | undefined;
  private snapshot: QueueSnapshot;

  constructor(private readonly keeping: Keeping) {
    this.snapshot = this.summarise(0);
  }

  // Watching

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly getSnapshot = (): QueueSnapshot => this.snapshot;

  /** Has the watchers told, in a moment. */
  tell(): void {
    this.tellTimer ??= setTimeout(() => {
      this.tellTimer = undefined;
      this.snapshot = this.summarise(this.snapshot.version + 1);
      for (const listener of [...this.listeners]) listener();
    }, TELL_MS);
  }

  // The uploads

  get(id: number): Job | undefined {
    return this.jobs.get(id);
  }

  has(job: Job): boolean {
    return this.jobs.has(job.entry.id);
  }

  /** In the order they were added. */
  all(): IterableIterator<Job> {
    return this.jobs.values();
  }

  add(
    of: Omit<KeptUpload, "owner" | "page" | "order">,
    status: UploadStatus,
    file: File | null = null,
  ): Job {
    const job = newJob(this.nextId, of);
    this.nextId += 1;
    this.jobs.set(job.entry.id, job);
    job.file = file;
    job.entry.status = status;
    this.needsSomeone(job);
    this.tally.add(job.entry);
    return job;
  }

  remove(job: Job): void {
    this.tally.remove(job.entry);
    this.jobs.delete(job.entry.id);
  }

  become(job: Job, status: UploadStatus): void {
    if (job.entry.status !== status) {
      const wasSettled = isSettled(job.entry.status);
      this.tally.become(job.entry, status);
      this.needsSomeone(job);
      job.since = Date.now();
      if (isSettled(status) && !wasSettled) this.keeping.forget(job);
      else if (wasSettled && !isSettled(status)) this.keeping.keep(job);
    }
    this.tell();
  }

  setSent(job: Job, sent: number): void {
    this.tally.setSent(job.entry, sent);
  }

  /** Gives it its place among what needed someone. */
  private needsSomeone(job: Job): void {
    if (GROUP[job.entry.status] !== "attention" || job.asked > 0) return;
    this.asked += 1;
    job.asked = this.asked;
  }

  private summarise(version: number): QueueSnapshot {
    const groups = this.tally.groups();
    return {
      version,
      total: this.jobs.size,
      groups,
      conflicts: this.tally.of("conflict"),
      duplicates: this.tally.of("duplicate"),
      interrupted: this.tally.of("interrupted"),
      retryable: this.tally.of("failed"),
      bytes: this.tally.bytes,
      bytesSent: this.tally.bytesSent,
      secondsLeft: this.secondsLeft(groups.waiting + groups.active),
      hold: this.hold,
    };
  }

  private secondsLeft(unfinished: number): number | null {
    if (unfinished === 0 || this.hold !== null) {
      this.pace.stop();
      return null;
    }
    const files = this.jobs.size;
    const { bytes, bytesSent } = this.tally;
    const reached = { files: files - unfinished, bytes: bytesSent };
    return this.pace.left(performance.now(), reached, { files, bytes });
  }
}
