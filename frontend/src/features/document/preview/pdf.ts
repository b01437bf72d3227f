/**
 * pdf.js set up for this application: its worker and data from our own build, and the bytes of a
 * document fetched in ranges with the session's token, so that page 900 of a large file opens
 * without the 899 before it.
 */
import * as pdfjs from "pdfjs-dist/legacy/build/pdf.mjs";
import workerUrl from "pdfjs-dist/legacy/build/pdf.worker.min.mjs?url";
import { apiFetchOk } from "@/api/http";

pdfjs.GlobalWorkerOptions.workerSrc = workerUrl;
(globalThis as { pdfjsLib?: typeof pdfjs }).pdfjsLib = pdfjs;

const CHUNK = 256 * 1024;

class AuthorisedRanges extends pdfjs.PDFDataRangeTransport {
  private readonly stopped = new AbortController();

  constructor(
    length: number,
    private readonly path: string,
    private readonly onError: (error: unknown) => void,
  ) {
    super(length, null);
  }

  override requestDataRange(begin: number, end: number): void {
    this.load(begin, end).catch((error: unknown) => {
      if (!this.stopped.signal.aborted) this.onError(error);
    });
  }

  override abort(): void {
    this.stopped.abort();
  }

  private async load(begin: number, end: number): Promise<void> {
    const response = await apiFetchOk(this.path, {
      headers: { Range: `bytes=${begin}-${end - 1}` },
      signal: this.stopped.signal,
    });
    this.onDataRange(begin, new Uint8Array(await response.arrayBuffer()));
  }
}

export type PdfLoading = ReturnType<typeof pdfjs.getDocument>;

/** Opens `path`, a document of `length` bytes. `onError` hears of ranges that cannot be fetched. */
export function openPdf(
  path: string,
  length: number,
  onError: (error: unknown) => void,
): PdfLoading {
  return pdfjs.getDocument({
    range: new AuthorisedRanges(length, path, onError),
    rangeChunkSize: CHUNK,
    disableAutoFetch: true,
    disableStream: true,
    cMapUrl: "/pdfjs/cmaps/",
    iccUrl: "/pdfjs/iccs/",
    standardFontDataUrl: "/pdfjs/standard_fonts/",
    wasmUrl: "/pdfjs/wasm/",
    enableXfa: false,
  });
}

export { pdfjs };
