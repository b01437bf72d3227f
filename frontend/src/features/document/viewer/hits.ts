/** Which hit of a document is looked at: plain arithmetic over how many each page has. */

export type PageHits = { page: number; hits: number };

/** A hit by its page and its place among the hits of that page, from 0. */
export type Hit = { page: number; index: number };

export const countHits = (pages: readonly PageHits[]): number =>
  pages.reduce((sum, one) => sum + one.hits, 0);

/** The hit with a number, from 0, over the whole document. */
export function hitAt(pages: readonly PageHits[], number: number): Hit | null {
  let left = number;
  for (const { page, hits } of pages) {
    if (left < hits) return left < 0 ? null : { page, index: left };
    left -= hits;
  }
  return null;
}

/** The next number after one, or before it; behind the last comes the first. */
export function step(total: number, number: number, by: 1 | -1): number {
  return total === 0 ? 0 : (number + by + total) % total;
}
