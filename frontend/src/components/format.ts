/** Sizes, dates and counts as people read them, in the browser's language. */

const UNITS = ["B", "KB", "MB", "GB", "TB", "PB"] as const;

/** Bytes with binary steps and the unit names office users know: 1 MB = 1024 KB. */
export function formatSize(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const digits = unit === 0 || value >= 100 ? 0 : 1;
  return `${value.toLocaleString(undefined, { maximumFractionDigits: digits })} ${UNITS[unit] ?? ""}`;
}

export const formatCount = (count: number): string => count.toLocaleString();

/** A share from 0 to 1; what is not all of it never reads as all. */
export function formatShare(share: number): string {
  const percent = share === 1 ? 100 : Math.min(99, Math.round(100 * share));
  return (percent / 100).toLocaleString(undefined, { style: "percent" });
}

const sameDay = (a: Date, b: Date): boolean => a.toDateString() === b.toDateString();

/** Short, for lists: the time today, the day this year, else the date. */
export function formatWhen(iso: string, now: Date = new Date()): string {
  const date = new Date(iso);
  if (sameDay(date, now)) {
    return date.toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit" });
  }
  if (date.getFullYear() === now.getFullYear()) {
    return date.toLocaleDateString(undefined, { day: "numeric", month: "short" });
  }
  return date.toLocaleDateString(undefined, { day: "numeric", month: "short", year: "numeric" });
}

const STEPS = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
] as const;

/** How long ago: “2 minutes ago”; what was just now or is ahead, by another clock, is now. */
export function formatAgo(iso: string, now: number = Date.now()): string {
  const words = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });
  const seconds = Math.max(0, Math.round((now - new Date(iso).getTime()) / 1000));
  for (const [unit, size] of STEPS) {
    if (seconds >= size) return words.format(-Math.floor(seconds / size), unit);
  }
  return words.format(seconds < 5 ? 0 : -seconds, "second");
}

/** How long something takes: “5 minutes”, in the largest unit there is one of; less than a minute counts as one. */
export function formatDuration(seconds: number): string {
  const [unit, size] = STEPS.find(([, least]) => seconds >= least) ?? ["minute", 60];
  const words = new Intl.NumberFormat(undefined, { style: "unit", unit, unitDisplay: "long" });
  return words.format(Math.max(1, Math.round(seconds / size)));
}

/** In full, for tooltips and details. */
export const formatDateTime = (iso: string): string =>
  new Date(iso).toLocaleString(undefined, { dateStyle: "long", timeStyle: "short" });

/** The day alone, in full, for sentences. */
export const formatDay = (iso: string): string =>
  new Date(iso).toLocaleDateString(undefined, { dateStyle: "long" });

/** The name up to its last dot, which rename dialogs select. */
export function stemLength(name: string): number {
  const dot = name.lastIndexOf(".");
  return dot > 0 ? dot : name.length;
}
