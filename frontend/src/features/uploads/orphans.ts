/** Uploads of an earlier page, whose files the page does not have: known again by name, size and time. */
import { fingerprint, type Job } from "./job";

export class Orphans {
  private readonly alike = new Map<string, Set<Job>>();

  add(job: Job): void {
    const print = fingerprint(job.entry);
    this.alike.set(print, (this.alike.get(print) ?? new Set()).add(job));
  }

  remove(job: Job): void {
    const print = fingerprint(job.entry);
    const alike = this.alike.get(print);
    alike?.delete(job);
    if (alike?.size === 0) this.alike.delete(print);
  }

  /** The first upload of this file that fits. */
  find(file: File, fits: (job: Job) => boolean): Job | undefined {
    return [...(this.alike.get(fingerprint(file)) ?? [])].find(fits);
  }

  clear(): void {
    this.alike.clear();
  }
}
