import { expect, test } from "vitest";
import { showValue } from "./Changes";

test("values of the trail as text", () => {
  expect(showValue(null)).toBe("–");
  expect(showValue(undefined)).toBe("–");
  expect(showValue("a name")).toBe("a name");
  expect(showValue(["x", "y"])).toBe("x, y");
  expect(showValue([])).toBe("–");
  expect(showValue(12)).toBe("12");
  expect(showValue(false)).toBe("false");
  expect(showValue({ year: 2026, tags: ["a"] })).toBe("year: 2026; tags: a");
  expect(showValue({})).toBe("–");
});
