import { expect, test } from "vitest";
import { countHits, hitAt, step } from "./hits";

const PAGES = [
  { page: 2, hits: 2 },
  { page: 7, hits: 1 },
];

test("hits are counted over all pages", () => {
  expect(countHits(PAGES)).toBe(3);
  expect(countHits([])).toBe(0);
});

test("each number is a hit on a page", () => {
  expect([0, 1, 2].map((number) => hitAt(PAGES, number))).toEqual([
    { page: 2, index: 0 },
    { page: 2, index: 1 },
    { page: 7, index: 0 },
  ]);
  expect(hitAt(PAGES, 3)).toBeNull();
  expect(hitAt([], 0)).toBeNull();
});

test("behind the last hit comes the first", () => {
  expect(step(3, 2, 1)).toBe(0);
  expect(step(3, 0, -1)).toBe(2);
  expect(step(0, 0, 1)).toBe(0);
});
