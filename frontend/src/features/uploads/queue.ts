/**
 * The upload queue: what waits, what runs, what came of it. Lives outside React so that it
 * survives navigation, and tells its watchers at most a few times a second, so that 3,000 files
 * cost what 30 do. Talks to the service only through the `UploadService` it is given, and keeps
 * what is unfinished with the `UploadKeeper`, so that the next page can go on with it.
 */
import { ApiProblem, NetworkProblem } from "@/api/problem";
import type { Document, IndexStatus, SameContent, UploadedDocument } from "@/api/types";
import {
  fingerprint,
  type Job,
  newJob,
  samePath,
  sameTarget,
  type UploadEntry,
  type UploadTarget,
} from "./job";
import { Keeping } from "./keeping";
import { Orphans } from "./orphans";
import { Tally } from "./tally";
import type { KeptUpload, UploadKeeper } from "./kept";
import {
  GROUP,
  isSettled,
  isTransient,
  ORDER,
  RETRYABLE,
  statusForIndex,
  type UploadGroup,
  type UploadStatus,
} from "./states";
import {
  type Destination,
  type OnConflict,
  randomKey,
  type SendOptions,
  uploadKey,
  type UploadState,
} from "./transport";
import type { Found, FoundFile } from "./walk";

export type ConflictChoice = "version" | "rename" | "skip";
export type DuplicateChoice = "existing" | "keep";

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
  readonly hold: HoldReason | null;
};

/** A file about which is asked before it is sent. */
export type Inspected = {
  readonly file: File;
  readonly name: string;
  readonly folders: readonly string[];
  readonly target: UploadTarget;
  readonly onConflict: OnConflict;
};

/** What was said of it. */
export type Inspection = {
  readonly sha256: string | null;
  readonly same: readonly SameContent[];
  readonly problem: ApiProblem | null;
};

export type UploadService = {
  send(options: SendOptions): Promise<UploadedDocument>;
  /** In the order asked. Never rejects: what cannot be asked now is told by the upload itself. */
  inspect(files: readonly Inspected[]): Promise<readonly Inspection[]>;
  ensureFolder(rootId: number, path: readonly string[]): Promise<number>;
  document(id: number): Promise<Document>;
  /** How far an upload is that an earlier page began. */
  state(url: string): Promise<UploadState>;
  /** Has the service forget an upload. */
  discard(url: string): Promise<void>;
  /** Something was stored in this folder. */
  stored(document: Document): void;
  /** Whether live events arrive, so that asking for states can wait. */
  liveConnected(): boolean;
};

const CONCURRENT = 4;
const TELL_MS = 120;
/** Without any progress in between: some minutes. */
const AUTOMATIC_TRIES = 8;
const LONGEST_WAIT_S = 60;
/** So many files, or so many bytes, are asked about at once, before they are sent. */
const INSPECTED_AT_ONCE = 200;
const INSPECTED_BYTES = 256 * 2 ** 20;
/** So many uploads of an earlier page are asked about at a time. */
const LOOKED_UP_AT_ONCE = 4;
/** How often, and for how many at a time, states are asked for when no event told them. */
const ASK_MS = 4_000;
const ASK_AT_ONCE = 10;
const ASK_AFTER_LIVE_MS = 20_000;

export class UploadQueue {
  private readonly jobs = new Map<number, Job>();
  /** To be asked about, then to be sent. */
  private waiting: number[] = [];
  private ready: number[] = [];
  private inspecting = false;
  /** What an earlier page left, by fingerprint. */
  private readonly orphans = new Orphans();
  private readonly keeping: Keeping;
  private readonly reading = new Map<number, Job>();
  /** States of versions whose upload has not been answered yet: events may be faster. */
  private readonly early = new Map<number, IndexStatus>();
  private running = 0;
  /** How many have needed someone so far. */
  private asked = 0;
  private nextId = 1;
  private holdReason: HoldReason | null = null;
  private choiceForAll: ConflictChoice | null = null;
  private duplicateChoiceForAll: DuplicateChoice | null = null;
  private readonly listeners = new Set<() => void>();
  private tellTimer: ReturnType<typeof setTimeout> | undefined;
  private askTimer: ReturnType<typeof setInterval> | undefined;
  private snapshot: QueueSnapshot;
  private readonly tally = new Tally();

  constructor(
    private readonly service: UploadService,
    keeper: UploadKeeper | null = null,
    private readonly concurrent: number = CONCURRENT,
  ) {
    this.keeping = new Keeping(keeper);
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

  /** Why uploads failed: each reason once, with how many, the most frequent first. */
  failures(): { problem: ApiProblem | NetworkProblem; count: number }[] {
    const reasons = new Map<string, { problem: ApiProblem | NetworkProblem; count: number }>();
    for (const { entry } of this.jobs.values()) {
      if (entry.status !== "failed" || entry.problem === null) continue;
      const code = entry.problem instanceof ApiProblem ? entry.problem.code : "network";
      const known = reasons.get(code) ?? { problem: entry.problem, count: 0 };
      reasons.set(code, { ...known, count: known.count + 1 });
    }
    return [...reasons.values()].sort((one, other) => other.count - one.count);
  }

  /** All of them, in the order they were added. */
  entries(): readonly UploadEntry[] {
    return [...this.jobs.values()].map((job) => job.entry);
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
    return this.running > 0 || this.inspecting || this.waiting.length + this.ready.length > 0;
  }

  // Adding

  /** Queues everything found, in order; empty folders are made at once. */
  async addTree(folderId: number, found: AsyncIterable<Found> | Iterable<Found>): Promise<void> {
    for await (const one of found) {
      if (one.kind === "file") this.addFound({ kind: "folder", folderId }, one);
      else await this.service.ensureFolder(folderId, one.folders);
    }
  }

  /** Queues a file; one that an earlier page was uploading to the same place goes on where it stopped. */
  private addFound(target: UploadTarget, { file, folders, root = null }: FoundFile): void {
    const job = this.orphans.find(file, (one) => this.isFor(one, target, folders));
    if (job) this.goOn(job, file);
    else this.add(target, file, folders, root);
  }

  private isFor(job: Job, target: UploadTarget, folders: readonly string[]): boolean {
    return sameTarget(job.entry.target, target) && samePath(job.entry.folders, folders);
  }

  add(
    target: UploadTarget,
    file: File,
    folders: readonly string[] = [],
    root: string | null = null,
  ): number {
    const job = this.newJob({
      key: randomKey(),
      name: file.name.normalize("NFC"),
      size: file.size,
      lastModified: file.lastModified,
      folders,
      target,
      onConflict: "error",
      anyway: false,
      url: null,
      root,
    });
    job.file = file;
    this.tally.add(job.entry);
    this.waiting.push(job.entry.id);
    this.keeping.keep(job);
    this.pump();
    this.tell();
    return job.entry.id;
  }

  private newJob(of: Omit<KeptUpload, "owner" | "page" | "order">): Job {
    const job = newJob(this.nextId, of);
    this.nextId += 1;
    this.jobs.set(job.entry.id, job);
    return job;
  }

  // Going on with what an earlier page began

  /** Lists what the user left unfinished in an earlier page; returns how much that is. */
  async restore(owner: string): Promise<number> {
    if (this.keeping.isOf(owner)) return 0;
    const kept = await this.keeping.begin(owner);
    const known = new Set([...this.jobs.values()].map((job) => job.key));
    const begun: Job[] = [];
    const left = kept.filter(({ key }) => !known.has(key));
    for (const one of left) {
      const job = this.newJob(one);
      job.entry.status = "interrupted";
      this.needsSomeone(job);
      this.tally.add(job.entry);
      this.orphans.add(job);
      if (job.url !== null) begun.push(job);
    }
    // It is this page's now; what was queued before this was known is kept as well.
    for (const job of this.jobs.values()) this.keeping.keep(job);
    this.tell();
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
    if (state.kind === "unfinished") this.setSent(job, state.offset);
    else if (state.kind === "gone") this.urlKnown(job, null);
    else {
      this.orphans.remove(job);
      if (state.kind === "finished") this.kept(job, state.document);
      else this.refused(job, state.problem);
    }
    this.tell();
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

  /** What of an earlier page came out of something that can be opened again: its key, and the way in. */
  reopenable(): { id: number; root: string; folders: readonly string[]; name: string }[] {
    const found = [];
    for (const { entry, root } of this.jobs.values()) {
      if (entry.status !== "interrupted" || root === null) continue;
      found.push({ id: entry.id, root, folders: entry.folders, name: entry.name });
    }
    return found;
  }

  /** Goes on with one upload of an earlier page, if this is still the file that it was of. */
  reopened(id: number, file: File): boolean {
    const job = this.jobs.get(id);
    if (job?.entry.status !== "interrupted") return false;
    if (fingerprint(file) !== fingerprint(job.entry)) return false;
    this.goOn(job, file);
    return true;
  }

  private goOn(job: Job, file: File): void {
    job.file = file;
    this.orphans.remove(job);
    this.become(job, "queued");
    this.waiting.push(job.entry.id);
    this.pump();
  }

  // What people do

  cancel(id: number): void {
    const job = this.jobs.get(id);
    if (!job || isSettled(job.entry.status)) return;
    job.abort?.abort();
    this.orphans.remove(job);
    this.letGo(job);
    this.setSent(job, 0);
    this.become(job, "cancelled");
  }

  cancelAll(): void {
    for (const job of this.jobs.values()) {
      const group = GROUP[job.entry.status];
      if (group === "waiting" || group === "active") this.cancel(job.entry.id);
    }
    this.waiting = [];
    this.ready = [];
  }

  /** Gives up all that an earlier page left. */
  cancelInterrupted(): void {
    for (const job of this.jobs.values()) {
      if (job.entry.status === "interrupted") this.cancel(job.entry.id);
    }
  }

  pause(id: number): void {
    const job = this.jobs.get(id);
    if (!job || !["queued", "preparing", "uploading"].includes(job.entry.status)) return;
    job.abort?.abort();
    this.become(job, "paused");
  }

  unpause(id: number): void {
    const job = this.jobs.get(id);
    if (job?.entry.status !== "paused") return;
    job.tries = 0;
    this.requeue(job, true);
    this.pump();
  }

  retry(id: number): void {
    const job = this.jobs.get(id);
    if (!job || !RETRYABLE.has(job.entry.status)) return;
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
    job.entry.documentId = null;
    // Cancelled while it waited for its file.
    if (job.file === null) {
      this.become(job, "interrupted");
      this.orphans.add(job);
      return;
    }
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

  /** What to do with bytes that somebody has filed already. */
  resolveDuplicate(id: number, choice: DuplicateChoice): void {
    const job = this.jobs.get(id);
    if (job?.entry.status !== "duplicate") return;
    job.answered = true;
    this.applyDuplicateChoice(job, choice);
  }

  /** These bytes become a version of a document that has, or had, them. */
  becomeVersion(id: number, documentId: number): void {
    const job = this.jobs.get(id);
    if (job?.entry.status !== "duplicate") return;
    job.answered = true;
    job.entry.target = { kind: "version", documentId, comment: "" };
    this.applyDuplicateChoice(job, "keep");
  }

  resolveAllDuplicates(choice: DuplicateChoice): void {
    this.duplicateChoiceForAll = choice;
    for (const job of this.jobs.values()) {
      if (job.entry.status === "duplicate") this.applyDuplicateChoice(job, choice);
    }
  }

  hold(reason: HoldReason): void {
    // A person's pause outlasts whatever else stops the queue meanwhile.
    if (this.holdReason !== "user") this.holdReason = reason;
    if (reason === "user" || reason === "offline") this.stopRunning();
    this.tell();
  }

  /** What is on its way stops where it is, and goes on from there. */
  private stopRunning(): void {
    for (const job of [...this.jobs.values()].reverse()) {
      if (job.entry.status !== "uploading" && job.entry.status !== "preparing") continue;
      job.abort?.abort();
      this.become(job, "queued");
      this.ready.unshift(job.entry.id);
    }
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

  /** Stops and forgets everything: someone else is about to sign in. What is unfinished stays kept for whose it is. */
  reset(): void {
    this.keeping.end();
    for (const job of this.jobs.values()) {
      job.abort?.abort();
      this.forget(job);
    }
    this.waiting = [];
    this.ready = [];
    this.orphans.clear();
    this.choiceForAll = null;
    this.duplicateChoiceForAll = null;
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
    if (this.holdReason === null && !this.inspecting) void this.inspectSome();
    while (this.holdReason === null && this.running < this.concurrent) {
      const id = this.ready.shift();
      if (id === undefined) break;
      const job = this.jobs.get(id);
      if (job?.entry.status === "queued" && job.abort === null) void this.run(job);
    }
    if (!this.busy) {
      this.choiceForAll = null;
      this.duplicateChoiceForAll = null;
    }
  }

  /** Asks about the next files that wait, unless enough of them can be sent. */
  private async inspectSome(): Promise<void> {
    if (this.ready.length > this.concurrent) return;
    const some = this.nextToInspect();
    if (some.length === 0) return;
    this.inspecting = true;
    for (const job of some) this.become(job, "checking");
    const asked = some.map(({ entry, file, onConflict }) => ({ ...entry, file, onConflict }));
    const said = await this.service.inspect(asked);
    this.inspecting = false;
    some.forEach((job, index) => {
      const inspection = said[index];
      if (job.entry.status === "checking" && inspection) this.inspectionKnown(job, inspection);
    });
    this.pump();
  }

  private nextToInspect(): (Job & { file: File })[] {
    const some: (Job & { file: File })[] = [];
    let bytes = 0;
    while (some.length < INSPECTED_AT_ONCE && bytes < INSPECTED_BYTES) {
      const id = this.waiting.shift();
      if (id === undefined) break;
      const job = this.jobs.get(id);
      if (job?.entry.status !== "queued" || job.file === null) continue;
      some.push(job as Job & { file: File });
      bytes += job.entry.size;
    }
    return some;
  }

  private inspectionKnown(job: Job, { sha256, same, problem }: Inspection): void {
    job.inspected = true;
    job.sha256 = sha256;
    job.entry.same = same;
    if (same.length > 0 && !job.anyway) {
      this.become(job, "duplicate");
      if (this.duplicateChoiceForAll) this.applyDuplicateChoice(job, this.duplicateChoiceForAll);
    } else if (problem) this.refused(job, problem);
    else {
      this.become(job, "queued");
      this.ready.push(job.entry.id);
    }
  }

  private applyDuplicateChoice(job: Job, choice: DuplicateChoice): void {
    if (choice === "existing") {
      this.letGo(job);
      this.setSent(job, 0);
      job.entry.documentId = job.entry.same[0]?.document_id ?? null;
      this.become(job, "existing");
      return;
    }
    job.anyway = true;
    this.requeue(job, true);
    this.keeping.keep(job);
    this.pump();
  }

  private async run(job: Job): Promise<void> {
    const { file } = job;
    if (file === null) return;
    this.running += 1;
    const abort = new AbortController();
    job.abort = abort;
    try {
      const destination = await this.prepare(job);
      if (abort.signal.aborted) return;
      this.become(job, "uploading");
      const document = await this.send(job, file, destination, abort.signal);
      this.kept(job, document);
    } catch (error) {
      if (!abort.signal.aborted) this.refused(job, error);
    } finally {
      if (job.abort === abort) job.abort = null;
      this.running -= 1;
      if (this.running === 0) this.early.clear();
      // Resumed before it had stopped, it was passed over.
      if (job.entry.status === "queued" && abort.signal.aborted) this.putFirst(job);
      this.pump();
      this.tell();
    }
  }

  private putFirst(job: Job): void {
    if (!this.ready.includes(job.entry.id)) this.ready.unshift(job.entry.id);
  }

  private send(
    job: Job,
    file: File,
    destination: Destination,
    signal: AbortSignal,
  ): Promise<UploadedDocument> {
    let isFirst = true;
    return this.service.send({
      destination,
      file,
      folders: job.entry.folders,
      sha256: job.sha256,
      key: () => uploadKey(job.key, destination),
      url: job.url,
      signal,
      onUrl: (url) => this.urlKnown(job, url),
      onProgress: (sent) => {
        if (signal.aborted) return;
        // What is told first is what the service has: while that grows, it is worth trying again.
        if (isFirst && sent > job.reached) {
          job.reached = sent;
          job.tries = 0;
        }
        isFirst = false;
        this.progressed(job, sent);
      },
    });
  }

  private urlKnown(job: Job, url: string | null): void {
    if (job.url === url) return;
    job.url = url;
    if (url === null) {
      this.renew(job);
      this.setSent(job, 0);
    }
    this.keeping.keep(job);
  }

  /** Has the service forget what it was sent of an upload. */
  private letGo(job: Job): void {
    if (job.url === null) return;
    void this.service.discard(job.url);
    job.url = null;
    this.renew(job);
    this.keeping.keep(job);
  }

  /** What is begun anew is another upload to the service, and must not be taken for the one before. */
  private renew(job: Job): void {
    this.keeping.forget(job);
    job.key = randomKey();
    job.reached = 0;
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

  private kept(job: Job, document: UploadedDocument): void {
    const { entry } = job;
    job.url = null;
    if (entry.same.length === 0) entry.same = document.same_content;
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
    if (isTransient(problem) && job.tries < AUTOMATIC_TRIES) this.tryLater(job, problem);
    else if (problem instanceof ApiProblem) this.refusedFor(job, problem);
    else this.become(job, "failed");
  }

  private refusedFor(job: Job, problem: ApiProblem): void {
    if (problem.status === 401) this.putBack(job, "signed_out");
    else if (problem.status === 507) this.putBack(job, "storage_full");
    else if (isTransient(problem)) this.become(job, "failed");
    else {
      // It was refused for good: what was sent of it is of no use any more.
      this.letGo(job);
      this.setSent(job, 0);
      if (problem.code === "name_taken") this.clashed(job, problem);
      else this.become(job, problem.code === "virus_found" ? "rejected" : "failed");
    }
  }

  /** Nothing is wrong with this file: it waits at the head of the queue until someone acts. */
  private putBack(job: Job, reason: HoldReason): void {
    this.hold(reason);
    this.requeue(job, true);
  }

  private tryLater(job: Job, problem: ApiProblem | NetworkProblem): void {
    job.tries += 1;
    const asked = problem instanceof ApiProblem ? problem.retryAfter : null;
    // Spread the return of many uploads after a restart of the service.
    const wait = Math.min(LONGEST_WAIT_S, asked ?? 2 ** job.tries * (0.75 + Math.random() / 4));
    this.become(job, "queued");
    setTimeout(() => {
      if (job.entry.status !== "queued" || !this.jobs.has(job.entry.id)) return;
      this.putFirst(job);
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
    if (job.url === null) this.setSent(job, 0);
    this.become(job, "queued");
    if (first) this.ready.unshift(job.entry.id);
    else this.ready.push(job.entry.id);
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
      const wasSettled = isSettled(job.entry.status);
      this.tally.become(job.entry, status);
      this.needsSomeone(job);
      job.since = Date.now();
      if (isSettled(status) && !wasSettled) this.keeping.forget(job);
      else if (wasSettled && !isSettled(status)) this.keeping.keep(job);
    }
    this.tell();
  }

  /** Gives it its place among what needed someone. */
  private needsSomeone(job: Job): void {
    if (GROUP[job.entry.status] !== "attention" || job.asked > 0) return;
    this.asked += 1;
    job.asked = this.asked;
  }

  private setSent(job: Job, sent: number): void {
    this.tally.setSent(job.entry, sent);
  }

  private forget(job: Job): void {
    this.tally.remove(job.entry);
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
    return {
      version,
      total: this.jobs.size,
      groups: this.tally.groups(),
      conflicts: this.tally.of("conflict"),
      duplicates: this.tally.of("duplicate"),
      interrupted: this.tally.of("interrupted"),
      retryable: this.tally.of("failed"),
      bytes: this.tally.bytes,
      bytesSent: this.tally.bytesSent,
      hold: this.holdReason,
    };
  }
}
