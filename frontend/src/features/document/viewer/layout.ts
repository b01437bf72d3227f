/** Where pages lie in the viewer: plain arithmetic. */
import type { PageSheet, PictureSize } from "@/api/types";

export type Turn = 0 | 90 | 180 | 270;

export const GAP = 12;
export const MARGIN = 14;
export const MIN_ZOOM = 0.25;
export const MAX_ZOOM = 4;
/** Wider than this, text is hard to read: a page fits the width up to here. */
const WIDEST = 940;
/** A picture may be so much smaller than what it is shown in before a larger one is fetched. */
const BLUR = 1.15;

export const clampZoom = (zoom: number): number => Math.min(MAX_ZOOM, Math.max(MIN_ZOOM, zoom));

/** How large each page is drawn, in CSS pixels: the widest one fits, the others in proportion to it. */
export function pageBoxes(
  pages: readonly PageSheet[],
  { width, zoom, turn }: { width: number; zoom: number; turn: Turn },
): { width: number; height: number }[] {
  const lying = turn % 180 !== 0;
  const sheets = pages.map((page) =>
    lying ? { width: page.height, height: page.width } : { width: page.width, height: page.height },
  );
  const widest = sheets.reduce((most, sheet) => Math.max(most, sheet.width), 1);
  const room = Math.max(120, Math.min(width - 2 * MARGIN, WIDEST));
  const scale = (room * zoom) / widest;
  return sheets.map((sheet) => ({
    width: Math.max(1, Math.round(sheet.width * scale)),
    height: Math.max(1, Math.round(sheet.height * scale)),
  }));
}

/** The smallest size whose picture is sharp in a box so many CSS pixels wide. */
export function sizeFor(
  width: number,
  density: number,
  widths: Readonly<Record<PictureSize, number>>,
): PictureSize {
  const wanted = (width * density) / BLUR;
  if (wanted <= widths.thumbnail) return "thumbnail";
  return wanted <= widths.medium ? "medium" : "large";
}

/** The page most of the window shows: the one at its upper third. */
export function pageAt(boxes: readonly { height: number }[], scrolled: number, window: number) {
  const line = scrolled + window / 3;
  let bottom = MARGIN;
  for (const [index, box] of boxes.entries()) {
    bottom += box.height + GAP;
    if (bottom > line) return index + 1;
  }
  return Math.max(1, boxes.length);
}
