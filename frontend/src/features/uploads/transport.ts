/** Sends one upload's bytes. XMLHttpRequest, because fetch cannot tell how far the sending got. */
import { ApiProblem, NetworkProblem, problemFromText } from "@/api/problem";
import { session } from "@/api/session";
import type { Document } from "@/api/types";

export type OnConflict = "error" | "version" | "rename";

export type Destination =
  | { kind: "folder"; folderId: number; name: string; onConflict: OnConflict }
  | { kind: "version"; documentId: number; comment: string };

export type SendOptions = {
  destination: Destination;
  file: File;
  /** Names this upload: sent again because its answer was lost, it is answered again and stored once. */
  key: string;
  signal: AbortSignal;
  /** Bytes sent so far. Equal to the file's size, the service is scanning and storing. */
  onProgress: (sent: number) => void;
};

export function uploadUrl(destination: Destination): string {
  if (destination.kind === "version") {
    const query = new URLSearchParams({ comment: destination.comment });
    const path = `/api/v1/documents/${destination.documentId}/versions`;
    return destination.comment ? `${path}?${query}` : path;
  }
  const { folderId, name, onConflict } = destination;
  const query = new URLSearchParams({ name, on_conflict: onConflict });
  return `/api/v1/folders/${folderId}/documents?${query}`;
}

/** A random word. Not crypto.randomUUID, which pages without TLS do not have. */
export function randomKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Another choice about a taken name is another request. */
export function uploadKey(page: string, id: number, destination: Destination): string {
  return `${page}-${id}-${destination.kind === "folder" ? destination.onConflict : "version"}`;
}

function sendOnce(options: SendOptions, token: string | null): Promise<Document> {
  const { destination, file, key, signal, onProgress } = options;
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const abort = () => request.abort();
    request.open("POST", uploadUrl(destination));
    if (token !== null) request.setRequestHeader("Authorization", `Bearer ${token}`);
    request.setRequestHeader("Idempotency-Key", key);
    request.setRequestHeader("Content-Type", file.type || "application/octet-stream");
    request.upload.onprogress = (event) => onProgress(Math.min(event.loaded, file.size));
    request.upload.onload = () => onProgress(file.size);
    request.onload = () => {
      if (request.status >= 200 && request.status < 300) {
        resolve(JSON.parse(request.responseText) as Document);
        return;
      }
      const wait = request.getResponseHeader("Retry-After");
      reject(problemFromText(request.status, request.responseText, wait));
    };
    request.onerror = () => reject(new NetworkProblem());
    request.onabort = () => reject(new DOMException("Upload cancelled", "AbortError"));
    request.onloadend = () => signal.removeEventListener("abort", abort);
    signal.addEventListener("abort", abort);
    if (signal.aborted) reject(new DOMException("Upload cancelled", "AbortError"));
    else request.send(file);
  });
}

/** The stored document. Throws ApiProblem, NetworkProblem, or AbortError when cancelled. */
export async function sendUpload(options: SendOptions): Promise<Document> {
  const token = await session.token();
  try {
    return await sendOnce(options, token);
  } catch (error) {
    if (!(error instanceof ApiProblem) || error.status !== 401) throw error;
    const fresh = await session.replace(token);
    if (fresh === null) throw error;
    return await sendOnce(options, fresh);
  }
}
