/** What comes of an upload: kept, tried again later, or refused for good. */
import { ApiProblem, NetworkProblem } from "@/api/problem";
import type { UploadedDocument } from "@/api/types";
import type { Answers } from "./answers";
import type { Begun } from "./begun";
import type { Board, HoldReason } from "./board";
import type { Job } from "./job";
import type { Line } from "./line";
import type { Reading } from "./reading";
import type { UploadService } from "./service";
import { isTransient } from "./states";

/** Without any progress in between: some minutes. */
const AUTOMATIC_TRIES = 8;
const LONGEST_WAIT_S = 60;

export class Outcomes {
  constructor(
    private readonly service: UploadService,
    private readonly board: Board,
    private readonly line: Line,
    private readonly begun: Begun,
    private readonly reading: Reading,
    private readonly answers: Answers,
    private readonly hold: (reason: HoldReason) => void,
  ) {}

  kept(job: Job, document: UploadedDocument): void {
    const { entry } = job;
    const { id: versionId, index_status: index } = document.current_version;
    job.url = null;
    if (entry.same.length === 0) entry.same = document.same_content;
    this.board.setSent(job, entry.size);
    entry.documentId = document.id;
    entry.versionId = versionId;
    entry.problem = null;
    this.service.stored(document);
    this.reading.follow(job, versionId, index);
  }

  refused(job: Job, error: unknown): void {
    const problem =
      error instanceof ApiProblem || error instanceof NetworkProblem
        ? error
        : new NetworkProblem(error);
    job.entry.problem = problem;
    if (isTransient(problem) && job.tries < AUTOMATIC_TRIES) this.tryLater(job, problem);
    else if (problem instanceof ApiProblem) this.refusedFor(job, problem);
    else this.board.become(job, "failed");
  }

  private refusedFor(job: Job, problem: ApiProblem): void {
    if (problem.status === 401) this.putBack(job, "signed_out");
    else if (problem.status === 507) this.putBack(job, "storage_full");
    else if (isTransient(problem)) this.board.become(job, "failed");
    else {
      // It was refused for good: what was sent of it is of no use any more.
      this.begun.letGo(job);
      this.board.setSent(job, 0);
      if (problem.code === "name_taken") this.answers.clashed(job, problem);
      else this.board.become(job, problem.code === "virus_found" ? "rejected" : "failed");
    }
  }

  /** Nothing is wrong with this file: it waits at the head of the queue until someone acts. */
  private putBack(job: Job, reason: HoldReason): void {
    this.hold(reason);
    this.line.requeue(job, true);
  }

  private tryLater(job: Job, problem: ApiProblem | NetworkProblem): void {
    job.tries += 1;
    const asked = problem instanceof ApiProblem ? problem.retryAfter : null;
    // Spread the return of many uploads after a restart of the service.
    const wait = Math.min(LONGEST_WAIT_S, asked ?? 2 ** job.tries * (0.75 + Math.random() / 4));
    this.board.become(job, "queued");
    setTimeout(() => {
      if (job.entry.status !== "queued" || !this.board.has(job)) return;
      this.line.putBack(job);
      this.line.pump();
    }, wait * 1000);
  }
}
