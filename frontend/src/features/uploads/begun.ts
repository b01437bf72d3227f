/** What the service has of an unfinished upload: where it is gone on with, and how it is given up. */
import type { Board } from "./board";
import type { Job } from "./job";
import type { Keeping } from "./keeping";
import type { UploadService } from "./service";
import { randomKey } from "./transport";

export class Begun {
  constructor(
    private readonly service: UploadService,
    private readonly board: Board,
    private readonly keeping: Keeping,
  ) {}

  urlKnown(job: Job, url: string | null): void {
    if (job.url === url) return;
    job.url = url;
    if (url === null) {
      this.renew(job);
      this.board.setSent(job, 0);
    }
    this.keeping.keep(job);
  }

  /** Has the service forget what it was sent. */
  letGo(job: Job): void {
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
}
