/** What the queue asks of the service, and what it is told. */
import type { ApiProblem } from "@/api/problem";
import type { Document, SameContent, UploadedDocument } from "@/api/types";
import type { UploadTarget } from "./job";
import type { OnConflict, SendOptions, UploadState } from "./transport";

/** A file about which is asked before it is sent. */
export type Inspected = {
  readonly file: File;
  readonly name: string;
  readonly folders: readonly string[];
  readonly target: UploadTarget;
  readonly onConflict: OnConflict;
};

/** What was said of it. */
export type Inspection = {
  readonly sha256: string | null;
  readonly same: readonly SameContent[];
  readonly problem: ApiProblem | null;
};

export type UploadService = {
  send(options: SendOptions): Promise<UploadedDocument>;
  /** In the order asked. Never rejects: what cannot be asked now is told by the upload itself. */
  inspect(files: readonly Inspected[]): Promise<readonly Inspection[]>;
  ensureFolder(rootId: number, path: readonly string[]): Promise<number>;
  document(id: number): Promise<Document>;
  /** How far an upload is that an earlier page began. */
  state(url: string): Promise<UploadState>;
  /** Has the service forget an upload. */
  discard(url: string): Promise<void>;
  /** Something was stored in this folder. */
  stored(document: Document): void;
  /** Whether live events arrive, so that asking for states can wait. */
  liveConnected(): boolean;
};
