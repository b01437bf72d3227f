/** Which preview a media type gets: only what browsers really show. */

export type PreviewKind = "pdf" | "image" | "text" | "audio" | "video" | "extracted";

const IMAGES = new Set(["png", "jpeg", "gif", "webp", "avif", "bmp", "svg+xml", "x-icon"]);
const TEXTS = new Set(["application/json", "application/xml", "application/yaml"]);
/** Formats whose source nobody wants to read: their extracted text says more. */
const MARKUP = new Set(["text/html", "text/rtf", "text/calendar"]);

export function previewKind(mediaType: string, name: string): PreviewKind {
  const type = mediaType.split(";")[0]?.trim().toLowerCase() ?? "";
  const [major = "", minor = ""] = type.split("/");
  if (type === "application/pdf") return "pdf";
  if (major === "image") return IMAGES.has(minor) ? "image" : "extracted";
  if (major === "audio" || major === "video") return major;
  if (MARKUP.has(type)) return "extracted";
  if (major === "text" || TEXTS.has(type)) return "text";
  if (type === "application/octet-stream" && name.toLowerCase().endsWith(".pdf")) return "pdf";
  return "extracted";
}
