/** How many uploads there are of each state, and how many bytes: kept while they change, not counted. */
import type { UploadEntry } from "./job";
import { COUNTED, GROUP, type UploadGroup, type UploadStatus } from "./states";

export class Tally {
  private readonly counts = new Map<UploadStatus, number>();
  /** Of what is still meant to arrive, and of what has. */
  bytes = 0;
  bytesSent = 0;

  add(entry: UploadEntry): void {
    this.count(entry, 1);
  }

  remove(entry: UploadEntry): void {
    this.count(entry, -1);
  }

  become(entry: UploadEntry, status: UploadStatus): void {
    this.remove(entry);
    entry.status = status;
    this.add(entry);
  }

  setSent(entry: UploadEntry, sent: number): void {
    if (COUNTED.has(GROUP[entry.status])) this.bytesSent += sent - entry.sent;
    entry.sent = sent;
  }

  of(status: UploadStatus): number {
    return this.counts.get(status) ?? 0;
  }

  groups(): Record<UploadGroup, number> {
    const groups = { waiting: 0, active: 0, attention: 0, done: 0, dropped: 0 };
    for (const [status, count] of this.counts) groups[GROUP[status]] += count;
    return groups;
  }

  private count({ status, size, sent }: UploadEntry, by: 1 | -1): void {
    this.counts.set(status, this.of(status) + by);
    if (!COUNTED.has(GROUP[status])) return;
    this.bytes += by * size;
    this.bytesSent += by * sent;
  }
}
