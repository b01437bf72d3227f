/**
 * The states of an upload, and what they mean for the queue.
 *
 *   queued → checking → queued → preparing → uploading → scanning → reading → searchable | stored
 *      │         └→ duplicate | conflict     └─────┬─────────┴→ conflict | rejected | failed
 *      └→ paused, cancelled, skipped, existing     └→ after a reload: interrupted → queued
 */
import { ApiProblem, NetworkProblem } from "@/api/problem";
import type { IndexStatus } from "@/api/types";

export type UploadStatus =
  | "queued"
  /** Asking, before a byte is sent, what the service would say, and who has it already. */
  | "checking"
  | "paused"
  /** An earlier page began it; it needs the file again. */
  | "interrupted"
  /** Making the folders it belongs in. */
  | "preparing"
  | "uploading"
  /** All bytes sent; the service scans and stores them. */
  | "scanning"
  /** Stored; its text is being read. */
  | "reading"
  | "searchable"
  /** Stored, and findable by name only; `indexStatus` says why. */
  | "stored"
  /** Nothing was uploaded: a document that has these bytes stands for it. */
  | "existing"
  | "conflict"
  /** Somebody filed these bytes already; whether they are wanted again is to be said. */
  | "duplicate"
  /** The scanner found a virus; nothing was kept. */
  | "rejected"
  | "failed"
  | "cancelled"
  | "skipped";

export type UploadGroup = "waiting" | "active" | "attention" | "done" | "dropped";

export const GROUP: Record<UploadStatus, UploadGroup> = {
  queued: "waiting",
  checking: "waiting",
  paused: "waiting",
  preparing: "active",
  uploading: "active",
  scanning: "active",
  reading: "done",
  searchable: "done",
  stored: "done",
  existing: "done",
  interrupted: "attention",
  conflict: "attention",
  duplicate: "attention",
  rejected: "attention",
  failed: "attention",
  cancelled: "dropped",
  skipped: "dropped",
};

/** In a queue of thousands, what needs someone and what runs must not be somewhere below. */
export const ORDER: readonly UploadGroup[] = ["attention", "active", "waiting", "done", "dropped"];

/** Groups whose bytes make up the whole that progress is measured against. */
export const COUNTED: ReadonlySet<UploadGroup> = new Set(["waiting", "active", "done"]);

export const groupOf = (status: UploadStatus): UploadGroup => GROUP[status];
/** States no further news can come to. */
const OVER: ReadonlySet<UploadStatus> = new Set([
  ...(["searchable", "stored", "existing", "rejected", "cancelled", "skipped"] as const),
]);
/** States in which a page that is left leaves nothing behind. */
export const isSettled = (status: UploadStatus): boolean =>
  OVER.has(status) || status === "reading";
export const RETRYABLE: ReadonlySet<UploadStatus> = new Set([
  ...(["failed", "cancelled", "skipped", "conflict", "duplicate", "existing"] as const),
]);

export function statusForIndex(index: IndexStatus): UploadStatus {
  if (index === "pending" || index === "extracting") return "reading";
  return index === "indexed" ? "searchable" : "stored";
}

/** What the service and this page think of each other's bytes differs: asked anew, they agree. */
const WENT_WRONG_BETWEEN: ReadonlySet<string> = new Set([
  ...["upload_offset_mismatch", "upload_incomplete", "checksum_mismatch"],
]);

/** Worth trying again without asking anyone: nobody answered, or the service is busy. */
export function isTransient(error: unknown): boolean {
  if (error instanceof NetworkProblem) return true;
  if (!(error instanceof ApiProblem)) return false;
  return [423, 429, 502, 503, 504].includes(error.status) || WENT_WRONG_BETWEEN.has(error.code);
}
