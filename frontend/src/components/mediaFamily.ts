/** Sorts media types into the families people think in; the same ones search filters by. */

export const FAMILIES = [
  "pdf",
  "document",
  "spreadsheet",
  "presentation",
  "image",
  "text",
  "email",
  "archive",
  "audio",
  "video",
  "other",
] as const;

export type Family = (typeof FAMILIES)[number];

const EXTENSIONS: Partial<Record<Family, string>> = {
  pdf: "pdf",
  document: "doc docx odt rtf pages",
  spreadsheet: "xls xlsx ods csv numbers",
  presentation: "ppt pptx odp key",
  image: "png jpg jpeg gif webp avif bmp svg tif tiff heic",
  text: "txt md log json xml yaml yml html htm",
  email: "eml msg",
  archive: "zip tar gz 7z rar",
  audio: "mp3 wav ogg m4a flac",
  video: "mp4 webm mov mkv avi",
};

const BY_EXTENSION = new Map(
  Object.entries(EXTENSIONS).flatMap(([family, extensions]) =>
    extensions.split(" ").map((extension) => [extension, family as Family] as const),
  ),
);

const BY_WORD: readonly (readonly [RegExp, Family])[] = [
  [/pdf/, "pdf"],
  [/wordprocessing|msword|opendocument\.text|rtf/, "document"],
  [/spreadsheet|ms-excel|csv/, "spreadsheet"],
  [/presentation|powerpoint/, "presentation"],
  [/^message\/|outlook/, "email"],
  [/zip|tar|compressed|gzip/, "archive"],
  [/^image\//, "image"],
  [/^audio\//, "audio"],
  [/^video\//, "video"],
  [/^text\/|json|xml|javascript/, "text"],
];

export function familyOf(mediaType: string, name = ""): Family {
  const extension = name.slice(name.lastIndexOf(".") + 1).toLowerCase();
  const known = BY_EXTENSION.get(extension);
  if (known) return known;
  return BY_WORD.find(([pattern]) => pattern.test(mediaType))?.[1] ?? "other";
}
