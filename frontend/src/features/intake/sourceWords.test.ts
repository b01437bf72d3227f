import { describe, expect, test } from "vitest";
import type { IntakeSource } from "@/api/types";
import { formatAgo } from "@/components/format";
import { i18next } from "@/i18n";
import { adviceFor, stateWords } from "./sourceWords";

const { t } = i18next;
const now = Date.parse("2026-03-02T09:16:30Z");
const source = (part: Partial<IntakeSource>) =>
  ({ kind: "folder", last_run_at: "2026-03-02T09:14:00Z", ...part }) as IntakeSource;

describe("how a source fares", () => {
  test("is told with the time it last looked", () => {
    expect(stateWords(t, source({ state: "working" }), now)).toBe(
      "Working, last looked 2 minutes ago",
    );
    expect(stateWords(t, source({ state: "failing" }), now)).toBe(
      "Failing, last tried 2 minutes ago",
    );
  });

  test("is told without a time where there is none", () => {
    expect(stateWords(t, source({ state: "new", last_run_at: null }), now)).toBe(
      "Has not looked yet",
    );
    expect(stateWords(t, source({ state: "failing", last_run_at: null }), now)).toBe("Failing");
    expect(stateWords(t, source({ state: "paused" }), now)).toBe("Paused");
  });

  test("is told without looks where nobody looks", () => {
    const letterbox = source({ kind: "smtp", state: "working", last_run_at: null });
    expect(stateWords(t, letterbox, now)).toBe("Takes letters");
  });

  test("comes with advice where it fails", () => {
    expect(adviceFor(t, source({ state: "working" }))).toBeNull();
    expect(adviceFor(t, source({ state: "failing", kind: "mailbox" }))).toContain("password");
  });
});

describe("how long ago something was", () => {
  const ago = (seconds: number) => formatAgo(new Date(now - seconds * 1000).toISOString(), now);

  test("is told in the largest unit that fits", () => {
    expect(ago(20)).toBe("20 seconds ago");
    expect(ago(59)).toBe("59 seconds ago");
    expect(ago(60)).toBe("1 minute ago");
    expect(ago(3 * 3_600)).toBe("3 hours ago");
    expect(ago(2 * 86_400 + 5)).toBe("2 days ago");
  });

  test("is now for a moment, and by a clock that is ahead", () => {
    expect(ago(2)).toBe("now");
    expect(ago(-90)).toBe("now");
  });
});
