/** Asks about files before they are sent, many at once, and a little ahead of what is sent. */
import type { Answers } from "./answers";
import type { Board } from "./board";
import type { Job } from "./job";
import type { Line } from "./line";
import type { Outcomes } from "./outcomes";
import type { Inspection, UploadService } from "./service";

/** So many files, or so many bytes, are asked about at once. */
const AT_ONCE = 200;
const BYTES_AT_ONCE = 256 * 2 ** 20;

export class Inspecting {
  private isAsking = false;

  constructor(
    private readonly service: UploadService,
    private readonly board: Board,
    private readonly line: Line,
    private readonly answers: Answers,
    private readonly outcomes: Outcomes,
    /** With more than so many ready to be sent, nothing is asked. */
    private readonly enough: number,
  ) {}

  get busy(): boolean {
    return this.isAsking;
  }

  /** Asks about the next files that wait, unless enough of them can be sent. */
  next(): void {
    if (!this.isAsking && this.line.readyCount <= this.enough) void this.inspectSome();
  }

  private async inspectSome(): Promise<void> {
    const some = this.line.nextWaiting(AT_ONCE, BYTES_AT_ONCE);
    if (some.length === 0) return;
    this.isAsking = true;
    for (const job of some) this.board.become(job, "checking");
    const asked = some.map(({ entry, file, onConflict }) => ({ ...entry, file, onConflict }));
    const said = await this.service.inspect(asked);
    this.isAsking = false;
    some.forEach((job, index) => {
      const inspection = said[index];
      if (job.entry.status === "checking" && inspection) this.known(job, inspection);
    });
    this.line.pump();
  }

  private known(job: Job, { sha256, same, problem }: Inspection): void {
    job.inspected = true;
    job.sha256 = sha256;
    job.entry.same = same;
    if (same.length > 0 && !job.anyway) this.answers.isDuplicate(job);
    else if (problem) this.outcomes.refused(job, problem);
    else {
      this.board.become(job, "queued");
      this.line.putLast(job);
    }
  }
}
