import { expect, test } from "vitest";
import type { SimulatedUser } from "@/api/types";
import { felt } from "./simulation";

const user = (name: string, numbers: Partial<SimulatedUser>): SimulatedUser => ({
  user: { principal: `user:${name}`, name, email: null },
  concerned_by: [],
  gained: 0,
  lost: 0,
  gained_sample: [],
  lost_sample: [],
  folders_gained: 0,
  folders_lost: 0,
  folders_gained_sample: [],
  folders_lost_sample: [],
  ...numbers,
});

test("who gains and who loses are told apart, the most first", () => {
  const users = [
    user("a", { gained: 1 }),
    user("b", { gained: 3, lost: 2, folders_lost: 1 }),
    user("c", {}),
    user("d", { folders_gained: 4 }),
  ];
  const { gained, lost, untouched } = felt({
    users,
    affected_users: 4,
    is_partial: false,
    most_counted: 10_000,
    named: {},
  });
  expect(gained.map((one) => one.user.name)).toEqual(["b", "a", "d"]);
  expect(lost.map((one) => one.user.name)).toEqual(["b"]);
  expect(untouched).toBe(1);
});
