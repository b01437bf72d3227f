/** What became of the uploads, as a table that people can keep. */
import type { TFunction } from "i18next";
import { saveFile } from "@/components/saveFile";
import { explain } from "@/components/useExplain";
import type { UploadEntry } from "./job";

/** Spreadsheets take what begins with one of these for a formula. */
const FORMULA = /^[=+\-@\t\r]/;

export function csvCell(value: string): string {
  const safe = FORMULA.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** RFC 4180; the mark at its beginning tells Excel that it is UTF-8. */
export const csvOf = (rows: readonly (readonly string[])[]): string =>
  `\uFEFF${rows.map((row) => row.map(csvCell).join(",")).join("\r\n")}\r\n`;

function rowOf(t: TFunction, entry: UploadEntry): string[] {
  const { problem } = entry;
  const said = problem ? explain(t, problem) : null;
  return [
    entry.folders.join("/"),
    entry.name,
    String(entry.size),
    t(`uploads.status.${entry.status}`),
    said ? `${said.title} ${said.advice}`.trim() : "",
    entry.documentId === null ? "" : `${location.origin}/documents/${entry.documentId}`,
  ];
}

export function saveReport(t: TFunction, entries: readonly UploadEntry[]): void {
  const columns = (["folder", "file", "size", "status", "reason", "document"] as const).map((one) =>
    t(`uploads.report.${one}`),
  );
  const text = csvOf([columns, ...entries.map((one) => rowOf(t, one))]);
  saveFile(new Blob([text], { type: "text/csv" }), t("uploads.report.fileName"));
}
