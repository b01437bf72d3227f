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

const BY_EXTENSION: Record<string, Family> = {
  pdf: "pdf",
  doc: "document",
  docx: "document",
  odt: "document",
  rtf: "document",
  xls: "spreadsheet",
  xlsx: "spreadsheet",
  ods: "spreadsheet",
  csv: "spreadsheet",
  ppt: "presentation",
  pptx: "presentation",
  odp: "presentation",
  eml: "email",
  msg: "email",
  zip: "archive",
  tar: "archive",
  gz: "archive",
  "7z": "archive",
};

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
  const known = BY_EXTENSION[extension];
  if (known) return known;
  return BY_WORD.find(([pattern]) => pattern.test(mediaType))?.[1] ?? "other";
}
