import { expect, test } from "vitest";
import { damaged } from "./storage";
import type { StorageStatus } from "./types";

const none = { blobs: 0, size: 0, stored_size: 0 };
const status: StorageStatus = {
  stored: none,
  unreferenced: none,
  faults: {},
  last_full_check: null,
  last_quick_check: null,
  current_check: null,
  scrub_days: 30,
  next_check_at: null,
};

test("only what cannot be read is damage", () => {
  expect(damaged(status)).toBe(0);
  expect(damaged({ ...status, faults: { size: 4 } })).toBe(0);
  expect(damaged({ ...status, faults: { missing: 1, damaged: 2, unreadable: 3, size: 4 } })).toBe(
    6,
  );
});
