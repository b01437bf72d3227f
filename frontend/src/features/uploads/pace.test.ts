import { describe, expect, test } from "vitest";
import { Pace } from "./pace";

const MIB = 1024 * 1024;

describe("the time that uploads still take", () => {
  test("is not told before there is something to judge by", () => {
    const pace = new Pace();
    const whole = { files: 10, bytes: 10 * MIB };
    expect(pace.left(0, { files: 0, bytes: 0 }, whole)).toBeNull();
    expect(pace.left(4_000, { files: 2, bytes: 2 * MIB }, whole)).toBeNull();
    expect(pace.left(5_000, { files: 5, bytes: 5 * MIB }, whole)).toBeCloseTo(5);
  });

  test("is told of one large file by its bytes, and of many small ones by their number", () => {
    const large = new Pace();
    large.left(0, { files: 0, bytes: 0 }, { files: 1, bytes: 1000 * MIB });
    const one = large.left(10_000, { files: 0, bytes: 100 * MIB }, { files: 1, bytes: 1000 * MIB });
    expect(one).toBeCloseTo(90, 0);
    const small = new Pace();
    small.left(0, { files: 0, bytes: 0 }, { files: 3_000, bytes: 3_000 });
    expect(
      small.left(10_000, { files: 100, bytes: 100 }, { files: 3_000, bytes: 3_000 }),
    ).toBeCloseTo(290);
  });

  test("follows the last half minute", () => {
    const pace = new Pace();
    const whole = { files: 0, bytes: 1000 * MIB };
    for (let second = 0; second <= 60; second += 1) {
      pace.left(second * 1000, { files: 0, bytes: second * MIB }, whole);
    }
    for (let second = 1; second <= 30; second += 1) {
      pace.left((60 + second) * 1000, { files: 0, bytes: (60 + 10 * second) * MIB }, whole);
    }
    expect(pace.left(90_000, { files: 0, bytes: 360 * MIB }, whole)).toBeCloseTo(64);
  });

  test("is not told while nothing moves, and begins anew after a pause or when the list is cleared", () => {
    const pace = new Pace();
    const whole = { files: 100, bytes: 0 };
    pace.left(0, { files: 50, bytes: 0 }, whole);
    expect(pace.left(10_000, { files: 50, bytes: 0 }, whole)).toBeNull();
    expect(pace.left(20_000, { files: 60, bytes: 0 }, whole)).toBeCloseTo(80);
    expect(pace.left(21_000, { files: 10, bytes: 0 }, whole)).toBeNull();
    pace.stop();
    expect(pace.left(40_000, { files: 20, bytes: 0 }, whole)).toBeNull();
  });
});
