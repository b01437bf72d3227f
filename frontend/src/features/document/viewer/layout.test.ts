import { expect, test } from "vitest";
import { GAP, MARGIN, pageAt, pageBoxes, sizeFor } from "./layout";

const A4 = { number: 1, width: 600, height: 800 };
const LYING = { number: 2, width: 800, height: 400 };
const WIDTHS = { thumbnail: 320, medium: 1000, large: 2000 };

test("the widest page fits the width, the others in proportion", () => {
  const boxes = pageBoxes([A4, LYING], { width: 400 + 2 * MARGIN, zoom: 1, turn: 0 });
  expect(boxes).toEqual([
    { width: 300, height: 400 },
    { width: 400, height: 200 },
  ]);
});

test("a zoomed page is as much larger", () => {
  expect(pageBoxes([A4], { width: 300 + 2 * MARGIN, zoom: 2, turn: 0 })).toEqual([
    { width: 600, height: 800 },
  ]);
});

test("a turned page lies down and fits the width again", () => {
  expect(pageBoxes([A4], { width: 400 + 2 * MARGIN, zoom: 1, turn: 90 })).toEqual([
    { width: 400, height: 300 },
  ]);
});

test("a page is not blown up on a wide screen", () => {
  expect(pageBoxes([A4], { width: 3000, zoom: 1, turn: 0 })[0]?.width).toBe(940);
});

test("no larger a picture is fetched than the screen can show", () => {
  expect(sizeFor(150, 1, WIDTHS)).toBe("thumbnail");
  expect(sizeFor(900, 1, WIDTHS)).toBe("medium");
  expect(sizeFor(900, 2, WIDTHS)).toBe("large");
});

test("the page in sight is the one at the upper third", () => {
  const boxes = [{ height: 100 }, { height: 100 }, { height: 100 }];
  expect(pageAt(boxes, 0, 90)).toBe(1);
  expect(pageAt(boxes, 100 + GAP, 90)).toBe(2);
  expect(pageAt(boxes, 5000, 90)).toBe(3);
  expect(pageAt([], 0, 90)).toBe(1);
});
