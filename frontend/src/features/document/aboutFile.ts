/** What a file says about itself, as lines that people read. */
import type { Metadata } from "@/api/types";
import { formatCount, formatDay, formatDateTime } from "@/components/format";

/** Names that have a label of their own, in the order in which they are shown. */
export const LABELLED = [
  "title",
  "creators",
  "to",
  "cc",
  "reply_to",
  "created",
  "modified",
  "contributors",
  "subject",
  "description",
  "keywords",
  "category",
  "status",
  "company",
  "manager",
  "publisher",
  "identifier",
  "rights",
  "language",
  "pages",
  "words",
  "revision",
  "template",
  "attachments",
  "message_id",
  "album",
  "track",
  "genre",
  "duration_seconds",
  "dimensions",
  "frame_rate",
  "container",
  "video_codec",
  "audio_codec",
  "channels",
  "sample_rate",
  "bit_rate",
  "camera",
  "lens",
  "exposure_seconds",
  "f_number",
  "iso",
  "focal_length_mm",
  "place",
  "altitude_m",
  "software",
  "producer",
  "pdf_version",
  "conformance",
] as const;
export type Labelled = (typeof LABELLED)[number];

export type Line = { name: Labelled | { own: string }; value: string };

type Value = string | number | boolean | string[];

const CUSTOM = "custom:";

const number = (value: number, digits = 2): string =>
  value.toLocaleString(undefined, { maximumFractionDigits: digits });

/** Hours, minutes and seconds: 1:02:03, 2:03, 0:07. */
export function formatDuration(seconds: number): string {
  const whole = Math.round(seconds);
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const shown = parts[0] === 0 ? parts.slice(1) : parts;
  return shown.map((part, at) => (at === 0 ? part : String(part).padStart(2, "0"))).join(":");
}

/** A time as precise as the file has it: a year, a month, a day, or a moment. */
export function formatClaimed(iso: string): string {
  if (iso.length === 4) return iso;
  const parts = iso.split("-").map(Number);
  if (iso.length === 7) {
    const month = new Date(parts[0] ?? 0, (parts[1] ?? 1) - 1);
    return month.toLocaleDateString(undefined, { month: "long", year: "numeric" });
  }
  return iso.length === 10 ? formatDay(`${iso}T00:00:00`) : formatDateTime(iso);
}

const FORMATS: Partial<Record<Labelled, (value: number) => string>> = {
  duration_seconds: formatDuration,
  frame_rate: (value) => `${number(value)}/s`,
  sample_rate: (value) => `${number(value / 1000)} kHz`,
  bit_rate: (value) => `${number(value / 1000, 0)} kbit/s`,
  exposure_seconds: (value) =>
    value > 0 && value < 1 ? `1/${number(1 / value, 0)} s` : `${number(value)} s`,
  f_number: (value) => `f/${number(value)}`,
  focal_length_mm: (value) => `${number(value)} mm`,
  altitude_m: (value) => `${number(value, 0)} m`,
};

function shown(name: string, value: Value): string {
  if (Array.isArray(value)) return value.join(", ");
  if (typeof value !== "number") return String(value);
  return FORMATS[name as Labelled]?.(value) ?? formatCount(value);
}

/** Width and height are one line, and so are the two numbers of a place. */
function joined(extra: Record<string, Value>): Record<string, Value> {
  const { width, height, latitude, longitude, ...rest } = extra;
  if (typeof width === "number" && typeof height === "number") {
    rest.dimensions = `${width} × ${height}`;
  }
  if (typeof latitude === "number" && typeof longitude === "number") {
    rest.place = `${latitude.toFixed(5)}, ${longitude.toFixed(5)}`;
  }
  return rest;
}

export function linesOf({
  version: _version,
  extra,
  created,
  modified,
  ...texts
}: Metadata): Line[] {
  const values: Record<string, Value | null> = {
    ...joined(extra),
    ...texts,
    created: created ? formatClaimed(created) : null,
    modified: modified ? formatClaimed(modified) : null,
  };
  const known = LABELLED.flatMap((name): Line[] => {
    const value = values[name];
    const text = value === null || value === undefined ? "" : shown(name, value);
    return text ? [{ name, value: text }] : [];
  });
  const own = Object.entries(joined(extra))
    .filter(([name]) => !(LABELLED as readonly string[]).includes(name))
    .map(([name, value]): Line => {
      const plain = name.startsWith(CUSTOM) ? name.slice(CUSTOM.length) : name;
      return { name: { own: plain }, value: shown(name, value) };
    });
  return [...known, ...own];
}
