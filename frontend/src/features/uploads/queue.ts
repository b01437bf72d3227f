/**
 * The upload queue: what people and pages do to it. Lives outside React so that it survives navigation. What there is
 * stands on the {@link Board}, what waits in the {@link Line}; the other parts each take uploads one step further.
 * Talks to the service only through the `UploadService` it is given, and keeps what is unfinished with the
 * `UploadKeeper`, so that the next page can go on with it.
 */
import type { IndexStatus } from "@/api/types";
import { Answers, type ConflictChoice, type DuplicateChoice } from "./answers";
import { Begun } from "./begun";
import { Board, type HoldReason, type QueueSnapshot } from "./board";
import { Earlier, type Reopenable } from "./earlier";
import { Inspecting } from "./inspecting";
import type { Job, UploadEntry, UploadTarget } from "./job";
import { Keeping } from "./keeping";
import type { UploadKeeper } from "./kept";
import { Line } from "./line";
import { type Failure, failuresOf, listed } from "./listing";
import { Outcomes } from "./outcomes";
import { Reading } from "./reading";
import { Sending } from "./sending";
import type { UploadService } from "./service";
import { GROUP, isSettled, RETRYABLE, type UploadGroup } from "./states";
import { randomKey } from "./transport";
import type { Found } from "./walk";

const CONCURRENT = 4;

export class UploadQueue {
  private readonly board: Board;
  private readonly line: Line;
  private readonly keeping: Keeping;
  private readonly begun: Begun;
  private readonly reading: Reading;
  private readonly answers: Answers;
  private readonly earlier: Earlier;
  private readonly inspecting: Inspecting;
  private readonly sending: Sending;

  constructor(
    private readonly service: UploadService,
    keeper: UploadKeeper | null = null,
    concurrent: number = CONCURRENT,
  ) {
    const keeping = new Keeping(keeper);
    const board = new Board(keeping);
    const line = new Line(board, () => this.pump());
    const begun = new Begun(service, board, keeping);
    const reading = new Reading(service, board);
    const answers = new Answers(board, line, begun, keeping);
    const hold = (reason: HoldReason) => this.hold(reason);
    const outcomes = new Outcomes(service, board, line, begun, reading, answers, hold);
    this.board = board;
    this.line = line;
    this.keeping = keeping;
    this.begun = begun;
    this.reading = reading;
    this.answers = answers;
    this.earlier = new Earlier(service, board, line, begun, outcomes, keeping);
    this.inspecting = new Inspecting(service, board, line, answers, outcomes, concurrent);
    this.sending = new Sending(service, board, line, begun, reading, outcomes, concurrent);
  }

  // Watching

  readonly subscribe = (listener: () => void): (() => void) => this.board.subscribe(listener);

  readonly getSnapshot = (): QueueSnapshot => this.board.getSnapshot();

  entry(id: number): UploadEntry | undefined {
    return this.board.get(id)?.entry;
  }

  /** All of them, in the order they were added. */
  entries(): readonly UploadEntry[] {
    return [...this.board.all()].map((job) => job.entry);
  }

  /** Ids of one group, or of all, in the order they are listed. */
  ids(only: UploadGroup | null = null): number[] {
    return listed([...this.board.all()], only);
  }

  /** Why uploads failed: each reason once, with how many, the most frequent first. */
  failures(): Failure[] {
    return failuresOf(this.board.all());
  }

  get busy(): boolean {
    return this.sending.busy || this.inspecting.busy || !this.line.isEmpty;
  }

  // Adding

  /** Queues everything found, in order; empty folders are made at once. */
  async addTree(folderId: number, found: AsyncIterable<Found> | Iterable<Found>): Promise<void> {
    for await (const one of found) {
      if (one.kind === "file") {
        const { file, folders, root = null } = one;
        const target = { kind: "folder", folderId } as const;
        // One that an earlier page was uploading to the same place goes on where it stopped.
        if (!this.earlier.goOnWith(file, target, folders)) this.add(target, file, folders, root);
      } else await this.service.ensureFolder(folderId, one.folders);
    }
  }

  add(
    target: UploadTarget,
    file: File,
    folders: readonly string[] = [],
    root: string | null = null,
  ): number {
    const of = {
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
    } as const;
    const job = this.board.add(of, "queued", file);
    this.line.enter(job);
    this.keeping.keep(job);
    this.pump();
    this.board.tell();
    return job.entry.id;
  }

  // Going on with what an earlier page began

  /** Lists what the user left unfinished in an earlier page; returns how much that is. */
  restore(owner: string): Promise<number> {
    return this.earlier.restore(owner);
  }

  /** Gives files again that an earlier page was uploading; returns how many of them were known. */
  offer(found: AsyncIterable<Found> | Iterable<Found>): Promise<number> {
    return this.earlier.offer(found);
  }

  /** What of an earlier page came out of something that can be opened again. */
  reopenable(): Reopenable[] {
    return this.earlier.reopenable();
  }

  /** Goes on with one upload of an earlier page, if this is still the file that it was of. */
  reopened(id: number, file: File): boolean {
    return this.earlier.reopened(id, file);
  }

  // What people do

  cancel(id: number): void {
    const job = this.board.get(id);
    if (!job || isSettled(job.entry.status)) return;
    job.abort?.abort();
    this.earlier.forget(job);
    this.begun.letGo(job);
    this.board.setSent(job, 0);
    this.board.become(job, "cancelled");
  }

  cancelAll(): void {
    for (const job of this.board.all()) {
      const group = GROUP[job.entry.status];
      if (group === "waiting" || group === "active") this.cancel(job.entry.id);
    }
    this.line.clear();
  }

  /** Gives up all that an earlier page left. */
  cancelInterrupted(): void {
    for (const job of this.board.all()) {
      if (job.entry.status === "interrupted") this.cancel(job.entry.id);
    }
  }

  pause(id: number): void {
    const job = this.board.get(id);
    if (!job || !["queued", "preparing", "uploading"].includes(job.entry.status)) return;
    job.abort?.abort();
    this.board.become(job, "paused");
  }

  unpause(id: number): void {
    const job = this.board.get(id);
    if (job?.entry.status !== "paused") return;
    job.tries = 0;
    this.line.requeue(job, true);
    this.pump();
  }

  retry(id: number): void {
    const job = this.board.get(id);
    if (!job || !RETRYABLE.has(job.entry.status)) return;
    job.answered = job.asked > 0;
    this.again(job);
  }

  retryFailed(): void {
    for (const job of this.board.all()) {
      if (job.entry.status === "failed") this.again(job);
    }
  }

  private again(job: Job): void {
    job.tries = 0;
    job.onConflict = "error";
    job.entry.documentId = null;
    // Cancelled while it waited for its file.
    if (job.file === null) {
      this.earlier.wait(job);
      return;
    }
    this.line.requeue(job);
    this.pump();
  }

  resolve(id: number, choice: ConflictChoice): void {
    this.answers.resolve(id, choice);
  }

  /** The answer to this name clash, to all others that wait, and to all that come in this run. */
  resolveAll(choice: ConflictChoice): void {
    this.answers.resolveAll(choice);
  }

  /** What to do with bytes that somebody has filed already. */
  resolveDuplicate(id: number, choice: DuplicateChoice): void {
    this.answers.resolveDuplicate(id, choice);
  }

  /** These bytes become a version of a document that has, or had, them. */
  becomeVersion(id: number, documentId: number): void {
    this.answers.becomeVersion(id, documentId);
  }

  resolveAllDuplicates(choice: DuplicateChoice): void {
    this.answers.resolveAllDuplicates(choice);
  }

  hold(reason: HoldReason): void {
    // A person's pause outlasts whatever else stops the queue meanwhile.
    if (this.board.hold !== "user") this.board.hold = reason;
    if (reason === "user" || reason === "offline") this.sending.stop();
    this.board.tell();
  }

  resume(): void {
    this.board.hold = null;
    this.pump();
    this.board.tell();
  }

  /** Resumes only what was held for this reason: coming online does not undo a person's pause. */
  resumeFrom(reason: HoldReason): void {
    if (this.board.hold === reason) this.resume();
  }

  clearFinished(): void {
    for (const job of this.board.all()) {
      const group = GROUP[job.entry.status];
      if (group === "done" || group === "dropped" || job.entry.status === "rejected") {
        this.forget(job);
      }
    }
    this.board.tell();
  }

  /** Stops and forgets everything: someone else is about to sign in. What is unfinished stays kept for whose it is. */
  reset(): void {
    this.keeping.end();
    for (const job of this.board.all()) {
      job.abort?.abort();
      this.forget(job);
    }
    this.line.clear();
    this.earlier.forgetAll();
    this.answers.endRun();
    this.board.hold = null;
    this.board.tell();
  }

  private forget(job: Job): void {
    this.board.remove(job);
    this.reading.forget(job);
  }

  // What the service says

  indexChanged(versionId: number, index: IndexStatus): void {
    this.reading.changed(versionId, index, this.sending.busy);
  }

  // Running

  private pump(): void {
    if (this.board.hold === null) this.inspecting.next();
    this.sending.next();
    if (!this.busy) this.answers.endRun();
  }
}
