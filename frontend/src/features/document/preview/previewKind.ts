/** Which preview a media type gets. */

export type PreviewKind = "pages" | "text" | "audio" | "video" | "extracted";

const TEXTS = new Set(["application/json", "application/xml", "application/yaml"]);
/** Formats whose source nobody wants to read: their extracted text says more. */
const MARKUP = new Set(["text/html", "text/rtf", "text/calendar", "message/rfc822"]);
/** What the service draws as pages, beside PDF and pictures: office documents. */
const OFFICE =
  /^application\/(rtf|msword|vnd\.(ms-(excel|powerpoint)|openxmlformats-officedocument\.|oasis\.opendocument\.(text|spreadsheet|presentation)))/;

export function previewKind(mediaType: string): PreviewKind {
  const type = mediaType.split(";")[0]?.trim().toLowerCase() ?? "";
  const [major = ""] = type.split("/");
  if (type === "application/pdf" || OFFICE.test(type)) return "pages";
  // A drawing in SVG is a program as well: it is read, not run.
  if (major === "image") return type === "image/svg+xml" ? "extracted" : "pages";
  if (major === "audio" || major === "video") return major;
  if (MARKUP.has(type)) return "extracted";
  return major === "text" || TEXTS.has(type) ? "text" : "extracted";
}

const NO_LOOKS =
  /^(application\/(octet-stream|zip|gzip|x-|vnd\.(rar|sqlite3|microsoft))|image\/svg)/;

/** Whether a document may have a picture of its first page; sound, film and archives have none. */
export function hasThumbnail(mediaType: string): boolean {
  const kind = previewKind(mediaType);
  return kind === "pages" || kind === "text" || (kind === "extracted" && !NO_LOOKS.test(mediaType));
}
