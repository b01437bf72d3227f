/** Sends what is ready, a few at a time: makes the folders it belongs in, and tells how far it is. */
import type { UploadedDocument } from "@/api/types";
import type { Begun } from "./begun";
import type { Board } from "./board";
import type { Job } from "./job";
import type { Line } from "./line";
import type { Outcomes } from "./outcomes";
import type { Reading } from "./reading";
import type { UploadService } from "./service";
import { GROUP } from "./states";
import { type Destination, uploadKey } from "./transport";

export class Sending {
  private running = 0;

  constructor(
    private readonly service: UploadService,
    private readonly board: Board,
    private readonly line: Line,
    private readonly begun: Begun,
    private readonly reading: Reading,
    private readonly outcomes: Outcomes,
    private readonly concurrent: number,
  ) {}

  get busy(): boolean {
    return this.running > 0;
  }

  /** Starts as many as may run. */
  next(): void {
    while (this.board.hold === null && this.running < this.concurrent) {
      const job = this.line.nextReady();
      if (job === undefined) break;
      if (job !== null) void this.run(job);
    }
  }

  /** What is on its way stops where it is, and goes on from there. */
  stop(): void {
    for (const job of [...this.board.all()].reverse()) {
      if (job.entry.status !== "uploading" && job.entry.status !== "preparing") continue;
      job.abort?.abort();
      this.board.become(job, "queued");
      this.line.putFirst(job);
    }
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
      this.board.become(job, "uploading");
      const document = await this.send(job, file, destination, abort.signal);
      this.outcomes.kept(job, document);
    } catch (error) {
      if (!abort.signal.aborted) this.outcomes.refused(job, error);
    } finally {
      if (job.abort === abort) job.abort = null;
      this.running -= 1;
      if (this.running === 0) this.reading.forgetEarly();
      // Resumed before it had stopped, it was passed over.
      if (job.entry.status === "queued" && abort.signal.aborted) this.line.putBack(job);
      this.line.pump();
      this.board.tell();
    }
  }

  private async prepare(job: Job): Promise<Destination> {
    const { target, folders, name } = job.entry;
    if (target.kind === "version") return target;
    if (folders.length > 0) this.board.become(job, "preparing");
    const folderId = await this.service.ensureFolder(target.folderId, folders);
    return { kind: "folder", folderId, name, onConflict: job.onConflict };
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
      onUrl: (url) => this.begun.urlKnown(job, url),
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

  private progressed(job: Job, sent: number): void {
    if (GROUP[job.entry.status] !== "active") return;
    this.board.setSent(job, sent);
    const isSent = sent >= job.entry.size && job.entry.status === "uploading";
    if (isSent) this.board.become(job, "scanning");
    else this.board.tell();
  }
}
