import { describe, expect, test } from "vitest";
import { click, EMPTY_SELECTION, extendTo, keepExisting, selectOnly, step } from "./selection";

const keys = ["a", "b", "c", "d", "e"];
const plain = { shiftKey: false, ctrlKey: false, metaKey: false };
const selected = (selection: { selected: ReadonlySet<string> }) => [...selection.selected];

describe("clicks", () => {
  test("select one, toggle with Ctrl, extend with Shift", () => {
    let selection = click(EMPTY_SELECTION, keys, "b", plain);
    expect(selected(selection)).toEqual(["b"]);
    selection = click(selection, keys, "d", { ...plain, ctrlKey: true });
    expect(selected(selection)).toEqual(["b", "d"]);
    selection = click(selection, keys, "d", { ...plain, ctrlKey: true });
    expect(selected(selection)).toEqual(["b"]);
    selection = click(selectOnly("b"), keys, "e", { ...plain, shiftKey: true });
    expect(selected(selection)).toEqual(["b", "c", "d", "e"]);
  });

  test("a second Shift click starts from the same anchor", () => {
    const down = extendTo(selectOnly("c"), keys, "e");
    expect(selected(extendTo(down, keys, "a"))).toEqual(["a", "b", "c"]);
  });
});

describe("keyboard", () => {
  test("starts at the near end and stops at the far one", () => {
    expect(step(EMPTY_SELECTION, keys, 1, false).active).toBe("a");
    expect(step(EMPTY_SELECTION, keys, -1, false).active).toBe("e");
    expect(step(selectOnly("e"), keys, 3, false).active).toBe("e");
    expect(step(EMPTY_SELECTION, [], 1, false).active).toBeNull();
  });

  test("extends and shrinks with Shift", () => {
    let selection = step(selectOnly("b"), keys, 1, true);
    selection = step(selection, keys, 1, true);
    expect(selected(selection)).toEqual(["b", "c", "d"]);
    expect(selected(step(selection, keys, -1, true))).toEqual(["b", "c"]);
  });
});

test("what is gone is no longer selected", () => {
  const selection = { selected: new Set(["a", "b"]), active: "b", anchor: "b" };
  const kept = keepExisting(selection, new Set(["a", "c"]));
  expect(selected(kept)).toEqual(["a"]);
  expect(kept.active).toBeNull();
  expect(keepExisting(kept, new Set(["a"]))).toBe(kept);
});
