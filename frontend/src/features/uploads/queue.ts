/**
 * The upload queue: what waits, what runs, what came of it. Lives outside React so that it
 * survives navigation, and tells its watchers at most a few times a second, so that 3,000 files
 * cost what 30 do. Talks to the service only through the `UploadService` it is given.
 *
 *   queued → preparing → uploading → scanning → reading → searchable | stored
 *                 └──────────┴───────────┴→ conflict | rejected | failed | cancelled | skipped
 */
import { ApiProblem, NetworkProblem } from "@/api/problem";
import type { Document, IndexStatus } from "@/api/types";
import type { Found } from "./walk";
import {
  type Destination,
  type OnConflict,
  randomKey,
  type SendOptions,
  uploadKey,
} from "./transport";

export type UploadStatus =
  | "queued"
  /** Making the folders it belongs in. */
  | "preparing"
  | "uploading"
  /** All bytes sent; the service scans and stores them. */
  | "scanning"
  /** Stored; its text is being read. */
  | "reading"
  | "searchable"
  /** Stored, and findable by name only; `indexStatus` says why. */
  | "stored"
  | "conflict"
  /** The scanner found a virus; nothing was kept. */
  | "rejected"
  | "failed"
  | "cancelled"
  | "skipped";

export type ConflictChoice = "version" | "rename" | "skip";

/** Why nothing new is being started. */
export type HoldReason = "user" | "offline" | "signed_out" | "storage_full";

export type UploadEntry = {
  readonly id: number;
  readonly name: string;
  /** Folders below the drop target, outermost first. */
  readonly folders: readonly string[];
  readonly size: number;
  readonly target: UploadTarget;
  status: UploadStatus;
  sent: number;
  problem: ApiProblem | NetworkProblem | null;
  documentId: number | null;
  versionId: number | null;
  indexStatus: IndexStatus | null;
  /** The name "keep both" would give it, while in conflict. */
  suggestedName: string | null;
};

export type UploadTarget =
  { kind: "folder"; folderId: number } | { kind: "version"; documentId: number; comment: string };

export type UploadGroup = "waiting" | "active" | "attention" | "done" | "dropped";

/** What a watcher renders from; a new object whenever anything changed. */
export type QueueSnapshot = {
  readonly version: number;
  readonly total: number;
  readonly groups: Readonly<Record<UploadGroup, number>>;
  readonly conflicts: number;
  readonly retryable: number;
  readonly bytes: number;
  readonly bytesSent: number;
  readonly hold: HoldReason | null;
};

export type UploadService = {
  send(options: SendOptions): Promise<Document>;
  ensureFolder(rootId: number, path: readonly string[]): Promise<number>;
  document(id: number): Promise<Document>;
  /** Something was stored in this folder. */
  stored(document: Document): void;
  /** Whether live events arrive, so that asking for states can wait. */
  liveConnected(): boolean;
};

type Job = {
  entry: UploadEntry;
  file: File;
  onConflict: OnConflict;
  abort: AbortController | null;
  tries: number;
  /** When its state was last heard of, in milliseconds since 1970. */
  since: number;
  /** Its place among what needed someone; 0 when it never did. */
  asked: number;
  /** Whether someone answered this one alone. */
  answered: boolean;
};

const CONCURRENT = 4;
const TELL_MS = 120;
const AUTOMATIC_TRIES = 3;
const LONGEST_WAIT_S = 60;
/** How often, and for how many at a time, states are asked for when no event told them. */
const ASK_MS = 4_000;
const ASK_AT_ONCE = 10;
const ASK_AFTER_LIVE_MS = 20_000;

const GROUP: Record<UploadStatus, UploadGroup> = {
  queued: "waiting",
  preparing: "active",
  uploading: "active",
  scanning: "active",
  reading: "done",
  searchable: "done",
  stored: "done",
  conflict: "attention",
  rejected: "attention",
  failed: "attention",
  cancelled: "dropped",
  skipped: "dropped",
};

/** In a queue of thousands, what needs someone and what runs must not be somewhere below. */
const ORDER: readonly UploadGroup[] = ["attention", "active", "waiting", "done", "dropped"];

/** Groups whose bytes make up the whole that progress is measured against. */
const COUNTED: ReadonlySet<UploadGroup> = new Set(["waiting", "active", "done"]);

export const groupOf = (status: UploadStatus): UploadGroup => GROUP[status];
/** States no further news can come to. */
const isOver = (status: UploadStatus): boolean =>
  ["searchable", "stored", "rejected", "cancelled", "skipped"].includes(status);

export function statusForIndex(index: IndexStatus): UploadStatus {
  if (index === "pending" || index === "extracting") return "reading";
  return index === "indexed" ? "searchable" : "stored";
}

/** Worth trying again without asking anyone: nobody answered, or the service is busy. */
function isTransient(error: unknown): boolean {
  if (error instanceof NetworkProblem) return true;
  return error instanceof ApiProblem && [429, 502, 503, 504].includes(error.status);
}

export class UploadQueue {
  /** Tells this queue's uploads from those of every other page. */
  private readonly page = randomKey();
  private readonly jobs = new Map<number, Job>();
  private waiting: number[] = [];
  private readonly reading = new Map<number, Job>();
  /** States of versions whose upload has not been answered yet: events may be faster. */
  private readonly early = new Map<number, IndexStatus>();
  private running = 0;
  /** How many have needed someone so far. */
  private asked = 0;
  private nextId = 1;
  private holdReason: HoldReason | null = null;
  private choiceForAll: ConflictChoice | null = null;
  private readonly listeners = new Set<() => void>();
  private tellTimer: ReturnType<typeof setTimeout> | undefined;
  private askTimer: ReturnType<typeof setInterval> | undefined;
  private snapshot: QueueSnapshot;
  private readonly counts = new Map<UploadStatus, number>();
  private bytes = 0;
  private bytesSent = 0;

  constructor(
    private readonly service: UploadService,
    private readonly concurrent: number = CONCURRENT,
  ) {
    this.snapshot = this.summarise(0);
  }

  // Watching

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly getSnapshot = (): QueueSnapshot => this.snapshot;

  entry(id: number): UploadEntry | undefined {
    return this.jobs.get(id)?.entry;
  }

  /**
   * Ids of one group in the order they were added; of all, what matters most now first. What needs someone comes in the
   * order in which it came to, and what was answered alone stays there: nothing moves under the pointer.
   */
  ids(only: UploadGroup | null = null): number[] {
    if (only !== null) return this.jobsOf((job) => GROUP[job.entry.status] === only);
    const asked = this.jobsOf((job) => job.answered || GROUP[job.entry.status] === "attention");
    asked.sort(
      (one, other) => (this.jobs.get(one)?.asked ?? 0) - (this.jobs.get(other)?.asked ?? 0),
    );
    const others = ORDER.slice(1).map((group) =>
      this.jobsOf((job) => !job.answered && GROUP[job.entry.status] === group),
    );
    return [asked, ...others].flat();
  }

  private jobsOf(fits: (job: Job) => boolean): number[] {
    return [...this.jobs].filter(([, job]) => fits(job)).map(([id]) => id);
  }

  get busy(): boolean {
    return this.running > 0 || this.waiting.length > 0;
  }

  // Adding

  /** Queues everything found, in order; empty folders are made at once. */
  async addTree(folderId: number, found: AsyncIterable<Found> | Iterable<Found>): Promise<void> {
    for await (const one of found) {
      if (one.kind === "file") this.add({ kind: "folder", folderId }, one.file, one.folders);
      else await this.service.ensureFolder(folderId, one.folders);
    }
  }

  add(target: UploadTarget, file: File, folders: readonly string[] = []): number {
    const entry: UploadEntry = {
      id: this.nextId,
      name: file.name.normalize("NFC"),
      folders,
      size: file.size,
      target,
      status: "queued",
      sent: 0,
      problem: null,
      documentId: null,
      versionId: null,
      indexStatus: null,
      suggestedName: null,
    };
    this.nextId += 1;
    const job: Job = {
      entry,
      file,
      onConflict: "error",
      abort: null,
      tries: 0,
      since: 0,
      asked: 0,
      answered: false,
    };
    this.jobs.set(entry.id, job);
    this.count(job, 1);
    this.waiting.push(entry.id);
    this.pump();
    this.tell();
    return entry.id;
  }

  // What people do

  cancel(id: number): void {
    const job = this.jobs.get(id);
    if (!job || isOver(job.entry.status) || job.entry.status === "reading") return;
    job.abort?.abort();
    this.setSent(job, 0);
    this.become(job, "cancelled");
  }

  cancelAll(): void {
    for (const job of this.jobs.values()) {
      const group = GROUP[job.entry.status];
      if (group === "waiting" || group === "active") this.cancel(job.entry.id);
    }
    this.waiting = [];
  }

  retry(id: number): void {
    const job = this.jobs.get(id);
    if (!job || !["failed", "cancelled", "skipped", "conflict"].includes(job.entry.status)) return;
    job.answered = job.asked > 0;
    this.again(job);
  }

  retryFailed(): void {
    for (const job of this.jobs.values()) {
      if (job.entry.status === "failed") this.again(job);
    }
  }

  private again(job: Job): void {
    job.tries = 0;
    job.onConflict = "error";
    this.requeue(job);
    this.pump();
  }

  resolve(id: number, choice: ConflictChoice): void {
    const job = this.jobs.get(id);
    if (job?.entry.status !== "conflict") return;
    job.answered = true;
    this.applyChoice(job, choice);
  }

  /** The answer to this name clash, to all others that wait, and to all that come in this run. */
  resolveAll(choice: ConflictChoice): void {
    this.choiceForAll = choice;
    for (const job of this.jobs.values()) {
      if (job.entry.status === "conflict") this.applyChoice(job, choice);
    }
  }

  hold(reason: HoldReason): void {
    // A person's pause outlasts whatever else stops the queue meanwhile.
    if (this.holdReason !== "user") this.holdReason = reason;
    this.tell();
  }

  resume(): void {
    this.holdReason = null;
    this.pump();
    this.tell();
  }

  /** Resumes only what was held for this reason: coming online does not undo a person's pause. */
  resumeFrom(reason: HoldReason): void {
    if (this.holdReason === reason) this.resume();
  }

  clearFinished(): void {
    for (const job of this.jobs.values()) {
      const group = GROUP[job.entry.status];
      if (group === "done" || group === "dropped" || job.entry.status === "rejected") {
        this.forget(job);
      }
    }
    this.tell();
  }

  /** Stops and forgets everything: someone else is about to sign in. */
  reset(): void {
    this.cancelAll();
    for (const job of this.jobs.values()) this.forget(job);
    this.choiceForAll = null;
    this.holdReason = null;
    this.tell();
  }

  // What the service says

  indexChanged(versionId: number, index: IndexStatus): void {
    const job = this.reading.get(versionId);
    if (job) this.indexKnown(job, index);
    else if (this.running > 0) this.early.set(versionId, index);
  }

  private indexKnown(job: Job, index: IndexStatus): void {
    job.entry.indexStatus = index;
    job.since = Date.now();
    const status = statusForIndex(index);
    if (status === "reading") {
      this.tell();
      return;
    }
    if (job.entry.versionId !== null) this.reading.delete(job.entry.versionId);
    this.become(job, status);
    this.askWhileReading();
  }

  // Running

  private pump(): void {
    while (this.holdReason === null && this.running < this.concurrent) {
      const id = this.waiting.shift();
      if (id === undefined) break;
      const job = this.jobs.get(id);
      if (job?.entry.status === "queued") void this.run(job);
    }
    if (!this.busy) this.choiceForAll = null;
  }

  private async run(job: Job): Promise<void> {
    this.running += 1;
    const abort = new AbortController();
    job.abort = abort;
    try {
      const destination = await this.prepare(job);
      if (abort.signal.aborted) return;
      this.become(job, "uploading");
      const document = await this.service.send({
        destination,
        file: job.file,
        key: uploadKey(this.page, job.entry.id, destination),
        signal: abort.signal,
        onProgress: (sent) => this.progressed(job, sent),
      });
      this.kept(job, document);
    } catch (error) {
      if (!abort.signal.aborted) this.refused(job, error);
    } finally {
      if (job.abort === abort) job.abort = null;
      this.running -= 1;
      if (this.running === 0) this.early.clear();
      this.pump();
      this.tell();
    }
  }

  private async prepare(job: Job): Promise<Destination> {
    const { target, folders, name } = job.entry;
    if (target.kind === "version") return target;
    if (folders.length > 0) this.become(job, "preparing");
    const folderId = await this.service.ensureFolder(target.folderId, folders);
    return { kind: "folder", folderId, name, onConflict: job.onConflict };
  }

  private progressed(job: Job, sent: number): void {
    if (GROUP[job.entry.status] !== "active") return;
    this.setSent(job, sent);
    if (sent >= job.entry.size && job.entry.status === "uploading") this.become(job, "scanning");
    else this.tell();
  }

  private kept(job: Job, document: Document): void {
    const { entry } = job;
    this.setSent(job, entry.size);
    entry.documentId = document.id;
    entry.versionId = document.current_version.id;
    entry.problem = null;
    this.service.stored(document);
    const index = this.early.get(entry.versionId) ?? document.current_version.index_status;
    if (statusForIndex(index) === "reading") {
      this.reading.set(entry.versionId, job);
      this.become(job, "reading");
      this.askWhileReading();
    }
    this.indexKnown(job, index);
  }

  private refused(job: Job, error: unknown): void {
    const problem =
      error instanceof ApiProblem || error instanceof NetworkProblem
        ? error
        : new NetworkProblem(error);
    job.entry.problem = problem;
    this.setSent(job, 0);
    if (isTransient(problem) && job.tries < AUTOMATIC_TRIES) this.tryLater(job, problem);
    else if (problem instanceof ApiProblem) this.refusedFor(job, problem);
    else this.become(job, "failed");
  }

  private refusedFor(job: Job, problem: ApiProblem): void {
    if (problem.code === "name_taken") this.clashed(job, problem);
    else if (problem.code === "virus_found") this.become(job, "rejected");
    else if (problem.status === 401) this.putBack(job, "signed_out");
    else if (problem.status === 507) this.putBack(job, "storage_full");
    else this.become(job, "failed");
  }

  /** Nothing is wrong with this file: it waits at the head of the queue until someone acts. */
  private putBack(job: Job, reason: HoldReason): void {
    this.hold(reason);
    this.requeue(job, true);
  }

  private tryLater(job: Job, problem: ApiProblem | NetworkProblem): void {
    job.tries += 1;
    const asked = problem instanceof ApiProblem ? problem.retryAfter : null;
    const wait = Math.min(LONGEST_WAIT_S, asked ?? 2 ** job.tries);
    this.become(job, "queued");
    setTimeout(() => {
      if (job.entry.status !== "queued" || !this.jobs.has(job.entry.id)) return;
      this.waiting.unshift(job.entry.id);
      this.pump();
    }, wait * 1000);
  }

  private clashed(job: Job, problem: ApiProblem): void {
    const { suggestions, document_id: existing } = problem.body;
    const rename = (suggestions as { rename?: unknown } | undefined)?.rename;
    job.entry.suggestedName = typeof rename === "string" ? rename : null;
    job.entry.documentId = typeof existing === "number" ? existing : null;
    this.become(job, "conflict");
    if (this.choiceForAll) this.applyChoice(job, this.choiceForAll);
  }

  private applyChoice(job: Job, choice: ConflictChoice): void {
    job.entry.problem = null;
    if (choice === "skip") {
      this.become(job, "skipped");
      return;
    }
    job.onConflict = choice;
    this.requeue(job, true);
    this.pump();
  }

  private requeue(job: Job, first = false): void {
    job.entry.suggestedName = null;
    job.entry.problem = null;
    this.setSent(job, 0);
    this.become(job, "queued");
    if (first) this.waiting.unshift(job.entry.id);
    else this.waiting.push(job.entry.id);
  }

  // Asking for what no event told

  private askWhileReading(): void {
    if (this.reading.size > 0) {
      this.askTimer ??= setInterval(() => void this.ask(), ASK_MS);
    } else {
      clearInterval(this.askTimer);
      this.askTimer = undefined;
    }
  }

  private async ask(): Promise<void> {
    const before = Date.now() - (this.service.liveConnected() ? ASK_AFTER_LIVE_MS : ASK_MS);
    const quiet = [...this.reading.values()].filter((job) => job.since <= before);
    for (const job of quiet.slice(0, ASK_AT_ONCE)) {
      if (job.entry.documentId === null) continue;
      job.since = Date.now();
      try {
        const { current_version } = await this.service.document(job.entry.documentId);
        // A newer version took over: this one's text no longer matters to anyone waiting.
        const mine = current_version.id === job.entry.versionId;
        this.indexKnown(job, mine ? current_version.index_status : "indexed");
      } catch (error) {
        if (error instanceof ApiProblem && error.status === 404)
          this.indexKnown(job, "unsupported");
      }
    }
  }

  // Keeping count

  private become(job: Job, status: UploadStatus): void {
    if (job.entry.status !== status) {
      this.count(job, -1);
      job.entry.status = status;
      this.count(job, 1);
      if (GROUP[status] === "attention" && job.asked === 0) {
        this.asked += 1;
        job.asked = this.asked;
      }
      job.since = Date.now();
    }
    this.tell();
  }

  private count({ entry: { status, size } }: Job, by: 1 | -1): void {
    this.counts.set(status, (this.counts.get(status) ?? 0) + by);
    if (COUNTED.has(GROUP[status])) this.bytes += by * size;
  }

  private setSent(job: Job, sent: number): void {
    this.bytesSent += sent - job.entry.sent;
    job.entry.sent = sent;
  }

  private forget(job: Job): void {
    this.count(job, -1);
    this.setSent(job, 0);
    if (job.entry.versionId !== null) this.reading.delete(job.entry.versionId);
    this.jobs.delete(job.entry.id);
    this.askWhileReading();
  }

  private tell(): void {
    this.tellTimer ??= setTimeout(() => {
      this.tellTimer = undefined;
      this.snapshot = this.summarise(this.snapshot.version + 1);
      for (const listener of [...this.listeners]) listener();
    }, TELL_MS);
  }

  private summarise(version: number): QueueSnapshot {
    const groups: Record<UploadGroup, number> = {
      waiting: 0,
      active: 0,
      attention: 0,
      done: 0,
      dropped: 0,
    };
    for (const [status, count] of this.counts) groups[GROUP[status]] += count;
    return {
      version,
      total: this.jobs.size,
      groups,
      conflicts: this.counts.get("conflict") ?? 0,
      retryable: this.counts.get("failed") ?? 0,
      bytes: this.bytes,
      bytesSent: this.bytesSent,
      hold: this.holdReason,
    };
  }
}
