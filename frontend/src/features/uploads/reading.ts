/** What is stored while its text is read: followed by events, and asked for where none came. */
import { ApiProblem } from "@/api/problem";
import type { IndexStatus } from "@/api/types";
import type { Board } from "./board";
import type { Job } from "./job";
import type { UploadService } from "./service";
import { statusForIndex } from "./states";

/** How often, and for how many at a time, states are asked for when no event told them. */
const ASK_MS = 4_000;
const ASK_AT_ONCE = 10;
const ASK_AFTER_LIVE_MS = 20_000;

export class Reading {
  /** By their versions. */
  private readonly jobs = new Map<number, Job>();
  /** States of versions whose upload has not been answered yet: events may be faster. */
  private readonly early = new Map<number, IndexStatus>();
  private timer: ReturnType<typeof setInterval> | undefined;

  constructor(
    private readonly service: UploadService,
    private readonly board: Board,
  ) {}

  /** An event came; while anything is being sent, it may be about something whose version is not known yet. */
  changed(versionId: number, index: IndexStatus, isSending: boolean): void {
    const job = this.jobs.get(versionId);
    if (job) this.known(job, index);
    else if (isSending) this.early.set(versionId, index);
  }

  /** Nothing is being sent any more: what came early was about something else. */
  forgetEarly(): void {
    this.early.clear();
  }

  /** Follows a version from now on, of which the answer to its upload said this. */
  follow(job: Job, versionId: number, said: IndexStatus): void {
    const index = this.early.get(versionId) ?? said;
    if (statusForIndex(index) === "reading") {
      this.jobs.set(versionId, job);
      this.board.become(job, "reading");
      this.askOrRest();
    }
    this.known(job, index);
  }

  forget(job: Job): void {
    if (job.entry.versionId !== null) this.jobs.delete(job.entry.versionId);
    this.askOrRest();
  }

  private known(job: Job, index: IndexStatus): void {
    job.entry.indexStatus = index;
    job.since = Date.now();
    const status = statusForIndex(index);
    if (status === "reading") {
      this.board.tell();
      return;
    }
    this.forget(job);
    this.board.become(job, status);
  }

  private askOrRest(): void {
    if (this.jobs.size > 0) {
      this.timer ??= setInterval(() => void this.ask(), ASK_MS);
    } else {
      clearInterval(this.timer);
      this.timer = undefined;
    }
  }

  private async ask(): Promise<void> {
    const before = Date.now() - (this.service.liveConnected() ? ASK_AFTER_LIVE_MS : ASK_MS);
    const quiet = [...this.jobs.values()].filter((job) => job.since <= before);
    for (const job of quiet.slice(0, ASK_AT_ONCE)) {
      if (job.entry.documentId === null) continue;
      job.since = Date.now();
      try {
        const { current_version } = await this.service.document(job.entry.documentId);
        // A newer version took over: this one's text no longer matters to anyone waiting.
        const mine = current_version.id === job.entry.versionId;
        this.known(job, mine ? current_version.index_status : "indexed");
      } catch (error) {
        if (error instanceof ApiProblem && error.status === 404) this.known(job, "unsupported");
      }
    }
  }
}
