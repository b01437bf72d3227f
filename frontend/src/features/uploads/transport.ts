/**
 * Sends one upload's bytes by tus 1.0, from where an earlier attempt stopped. When and how often is
 * the queue's to decide: this tries once.
 */
import { DetailedError, Upload, type HttpResponse } from "tus-js-client";
import { apiFetchOk } from "@/api/http";
import { ApiProblem, NetworkProblem, problemFromText } from "@/api/problem";
import { session } from "@/api/session";
import type { components } from "@/api/schema";
import type { UploadedDocument } from "@/api/types";

const ENDPOINT = "/api/v1/uploads";
/** What is smaller goes with the request that creates the upload: one request instead of two. */
const AT_ONCE = 2 ** 20;
/** Between two parts a token that has run out is replaced. */
const PART = 64 * 2 ** 20;

export type OnConflict = "error" | "version" | "rename";

export type Destination =
  | { kind: "folder"; folderId: number; name: string; onConflict: OnConflict }
  | { kind: "version"; documentId: number; comment: string };

export type SendOptions = {
  destination: Destination;
  file: File;
  /** Folders below the drop target. */
  folders: readonly string[];
  sha256: string | null;
  /** Names this upload: created again because the answer was lost, it is the same one. */
  key: () => string;
  /** Where an earlier attempt left it. */
  url: string | null;
  signal: AbortSignal;
  /** Bytes the service has, or is being sent. Equal to the file's size, it scans and stores. */
  onProgress: (sent: number) => void;
  /** Where the upload can be gone on with; null when the service no longer knows of it. */
  onUrl: (url: string | null) => void;
};

/** How far an upload is that an earlier page began. */
export type UploadState =
  | { kind: "unfinished"; offset: number }
  | { kind: "finished"; document: UploadedDocument }
  | { kind: "refused"; problem: ApiProblem }
  | { kind: "gone" };

type Told = components["schemas"]["UploadOut"];

/** A random word. Not crypto.randomUUID, which pages without TLS do not have. */
export function randomKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Another choice about a taken name is another request. */
export function uploadKey(key: string, destination: Destination): string {
  return `${key}-${destination.kind === "folder" ? destination.onConflict : "version"}`;
}

function metadataOf(options: SendOptions): Record<string, string> {
  const { destination, file, folders, sha256 } = options;
  const metadata: Record<string, string> = {
    filename: destination.kind === "folder" ? destination.name : file.name.normalize("NFC"),
    last_modified: new Date(file.lastModified).toISOString(),
  };
  if (folders.length > 0) metadata.relative_path = [...folders, metadata.filename].join("/");
  if (sha256 !== null) metadata.sha256 = sha256;
  if (destination.kind === "folder") {
    metadata.folder_id = String(destination.folderId);
    metadata.on_conflict = destination.onConflict;
  } else {
    metadata.document_id = String(destination.documentId);
    if (destination.comment) metadata.comment = destination.comment;
  }
  return metadata;
}

function problemOf(error: Error | DetailedError): ApiProblem | NetworkProblem {
  const response = error instanceof DetailedError ? error.originalResponse : null;
  // Without an answer, XMLHttpRequest says 0.
  if (!response || response.getStatus() === 0) return new NetworkProblem(error);
  const wait = response.getHeader("Retry-After") ?? null;
  return problemFromText(response.getStatus(), response.getBody(), wait);
}

const aborted = () => new DOMException("Upload stopped", "AbortError");

function sendOnce(options: SendOptions, token: { current: string | null }): Promise<HttpResponse> {
  const { file, signal, url } = options;
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(aborted());
      return;
    }
    const settle = (act: () => void) => {
      signal.removeEventListener("abort", stop);
      act();
    };
    const upload = new Upload(file, {
      // With both, an upload that cannot be looked at would be begun anew.
      ...(url === null ? { endpoint: ENDPOINT } : { uploadUrl: url }),
      metadata: metadataOf(options),
      chunkSize: PART,
      uploadDataDuringCreation: file.size <= AT_ONCE,
      retryDelays: null,
      storeFingerprintForResuming: false,
      onBeforeRequest: async (request) => {
        token.current = await session.token();
        if (token.current !== null) {
          request.setHeader("Authorization", `Bearer ${token.current}`);
        }
        if (request.getMethod() === "POST") request.setHeader("Idempotency-Key", options.key());
      },
      onProgress: (sent) => options.onProgress(Math.min(sent, file.size)),
      onUploadUrlAvailable: () => options.onUrl(upload.url),
      onSuccess: ({ lastResponse }) => settle(() => resolve(lastResponse)),
      onError: (error) => settle(() => reject(problemOf(error))),
    });
    const stop = () => {
      signal.removeEventListener("abort", stop);
      void upload.abort();
      reject(aborted());
    };
    signal.addEventListener("abort", stop);
    upload.start();
  });
}

/** The stored document. Throws ApiProblem, NetworkProblem, or AbortError when it was stopped. */
export async function sendUpload(options: SendOptions): Promise<UploadedDocument> {
  const token: { current: string | null } = { current: null };
  let { url } = options;
  const onUrl = (next: string | null) => {
    url = next;
    options.onUrl(next);
  };
  const again = () => sendOnce({ ...options, url, onUrl }, token);
  let response: HttpResponse;
  try {
    response = await again();
  } catch (error) {
    if (!(error instanceof ApiProblem)) throw error;
    if (error.status === 401) {
      if ((await session.replace(token.current)) === null) throw error;
    } else if (url !== null && (error.status === 404 || error.status === 410)) {
      // It has expired, or was lost: it is begun anew, under another name.
      onUrl(null);
    } else throw error;
    response = await again();
  }
  return await documentOf(response, url);
}

/** What was stored, by the last answer; where that was lost with the connection, asked for once more. */
async function documentOf(response: HttpResponse, url: string | null): Promise<UploadedDocument> {
  const body = response.getBody();
  const document = body ? (JSON.parse(body) as UploadedDocument | null) : null;
  if (document) return document;
  const state = url === null ? null : await uploadState(url);
  if (state?.kind === "finished") return state.document;
  throw state?.kind === "refused" ? state.problem : new NetworkProblem();
}

const absolute = (url: string): string => new URL(url, location.href).href;

/** How far an upload is. */
export async function uploadState(url: string): Promise<UploadState> {
  try {
    const told = (await (await apiFetchOk(absolute(url))).json()) as Told;
    if (told.problem) return { kind: "refused", problem: new ApiProblem(400, told.problem) };
    if (told.document) return { kind: "finished", document: told.document };
    if (told.status === "complete") return { kind: "gone" };
    return { kind: "unfinished", offset: told.offset };
  } catch (error) {
    if (error instanceof ApiProblem && [404, 410].includes(error.status)) return { kind: "gone" };
    throw error;
  }
}

/** Has the service forget an upload; one it has forgotten already is as good. */
export async function discardUpload(url: string): Promise<void> {
  try {
    await apiFetchOk(absolute(url), {
      method: "DELETE",
      headers: { "Tus-Resumable": "1.0.0" },
    });
  } catch (error) {
    // It expires by itself.
    if (!(error instanceof ApiProblem) && !(error instanceof NetworkProblem)) throw error;
  }
}
