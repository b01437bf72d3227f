/** One upload: what people see of it, and what the queue needs to know. */
import type { ApiProblem, NetworkProblem } from "@/api/problem";
import type { IndexStatus, SameContent } from "@/api/types";
import type { KeptUpload } from "./kept";
import type { UploadStatus } from "./states";
import type { OnConflict } from "./transport";

export type UploadTarget =
  { kind: "folder"; folderId: number } | { kind: "version"; documentId: number; comment: string };

export type UploadEntry = {
  readonly id: number;
  readonly name: string;
  /** Folders below the drop target, outermost first. */
  readonly folders: readonly string[];
  readonly size: number;
  readonly lastModified: number;
  target: UploadTarget;
  status: UploadStatus;
  sent: number;
  problem: ApiProblem | NetworkProblem | null;
  documentId: number | null;
  versionId: number | null;
  indexStatus: IndexStatus | null;
  /** The name "keep both" would give it, while in conflict. */
  suggestedName: string | null;
  /** Documents that have the same bytes. */
  same: readonly SameContent[];
};

export type Job = {
  entry: UploadEntry;
  /** Null until somebody gives it again. */
  file: File | null;
  /** Names it, in this page and the next ones. */
  key: string;
  url: string | null;
  sha256: string | null;
  root: string | null;
  onConflict: OnConflict;
  /** Whether it is wanted although somebody has these bytes. */
  anyway: boolean;
  inspected: boolean;
  abort: AbortController | null;
  tries: number;
  /** The farthest the service was known to have come with it. */
  reached: number;
  /** When its state was last heard of, in milliseconds since 1970. */
  since: number;
  /** Its place among what needed someone; 0 when it never did. */
  asked: number;
  /** Whether someone answered this one alone. */
  answered: boolean;
};

/** An upload as it is at first, or as an earlier page kept it. */
export function newJob(id: number, of: Omit<KeptUpload, "owner" | "page" | "order">): Job {
  const { key, name, size, lastModified, folders, target, onConflict, anyway, url, root } = of;
  const entry: UploadEntry = {
    id,
    name,
    folders,
    size,
    lastModified,
    target,
    status: "queued",
    sent: 0,
    problem: null,
    documentId: null,
    versionId: null,
    indexStatus: null,
    suggestedName: null,
    same: [],
  };
  return {
    entry,
    file: null,
    key,
    url,
    sha256: null,
    root,
    onConflict,
    anyway,
    inspected: false,
    abort: null,
    tries: 0,
    reached: 0,
    since: 0,
    asked: 0,
    answered: false,
  };
}

/** By this a file that is given again is known. */
export const fingerprint = (file: { name: string; size: number; lastModified: number }): string =>
  `${file.size}/${file.lastModified}/${file.name.normalize("NFC")}`;

export const samePath = (one: readonly string[], other: readonly string[]): boolean =>
  one.length === other.length && one.every((name, index) => name === other[index]);

export const sameTarget = (one: UploadTarget, other: UploadTarget): boolean =>
  one.kind === "folder"
    ? other.kind === "folder" && one.folderId === other.folderId
    : other.kind === "version" && one.documentId === other.documentId;
