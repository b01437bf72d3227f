/** What waits: first to be asked about, then to be sent. */
import type { Board } from "./board";
import type { Job } from "./job";

/** A job whose file this page has. */
export type Sendable = Job & { file: File };

export class Line {
  private waiting: number[] = [];
  private ready: number[] = [];

  constructor(
    private readonly board: Board,
    /** Starts what may start. */
    readonly pump: () => void,
  ) {}

  get isEmpty(): boolean {
    return this.waiting.length + this.ready.length === 0;
  }

  /** How many can be sent. */
  get readyCount(): number {
    return this.ready.length;
  }

  clear(): void {
    this.waiting = [];
    this.ready = [];
  }

  /** To be asked about. */
  enter(job: Job): void {
    this.waiting.push(job.entry.id);
  }

  /** To be sent. */
  putLast(job: Job): void {
    this.ready.push(job.entry.id);
  }

  putFirst(job: Job): void {
    this.ready.unshift(job.entry.id);
  }

  /** At the head, unless it stands in the line already. */
  putBack(job: Job): void {
    if (!this.ready.includes(job.entry.id)) this.putFirst(job);
  }

  /** The next files to ask about: up to so many, until there are so many bytes. */
  nextWaiting(most: number, bytes: number): Sendable[] {
    const some: Sendable[] = [];
    let sum = 0;
    while (some.length < most && sum < bytes) {
      const id = this.waiting.shift();
      if (id === undefined) break;
      const job = this.board.get(id);
      if (job?.entry.status !== "queued" || job.file === null) continue;
      some.push(job as Sendable);
      sum += job.entry.size;
    }
    return some;
  }

  /** The next to send; null for one that has been stopped or started meanwhile, undefined at the end. */
  nextReady(): Job | null | undefined {
    const id = this.ready.shift();
    if (id === undefined) return undefined;
    const job = this.board.get(id);
    return job?.entry.status === "queued" && job.abort === null ? job : null;
  }

  /** Has it sent again from where the service has it. */
  requeue(job: Job, first = false): void {
    job.entry.suggestedName = null;
    job.entry.problem = null;
    if (job.url === null) this.board.setSent(job, 0);
    this.board.become(job, "queued");
    if (first) this.putFirst(job);
    else this.putLast(job);
  }
}
