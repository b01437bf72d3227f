import { describe, expect, it } from "vitest";
import type { Origin } from "@/api/types";
import { i18next } from "@/i18n";
import { originLines } from "./cameIn";

const { t } = i18next;
const LETTER: Origin = {
  kind: "mailbox",
  source: "Invoices",
  name: "invoice.pdf",
  sender: "billing@example.org",
  subject: "Your invoice",
  at: "2026-03-02T09:14:00Z",
};
const lines = (part: Partial<Origin>, documentName = "invoice.pdf") =>
  originLines(t, { ...LETTER, ...part }, documentName);

describe("how a document came in", () => {
  it("names the mailbox and the letter", () => {
    expect(lines({})).toEqual([
      "By the mailbox “Invoices”",
      "Letter from billing@example.org: “Your invoice”",
    ]);
    expect(lines({ kind: "smtp" })[0]).toBe("By a letter to “Invoices”");
  });

  it("says of a letter what is known of it", () => {
    expect(lines({ subject: null })[1]).toBe("Letter from billing@example.org");
    expect(lines({ sender: null })[1]).toBe("Letter: “Your invoice”");
    expect(lines({ sender: null, subject: null })).toHaveLength(1);
  });

  it("says what it was called, where it is called otherwise now", () => {
    const file = { kind: "folder", sender: null, subject: null } as const;
    expect(lines({ ...file, source: "Scanner" }, "Lease.pdf")).toEqual([
      "By the watched directory “Scanner”",
      "As “invoice.pdf”",
    ]);
  });

  it("names the directory of an import to those who are told", () => {
    const file = { kind: "import", sender: null, subject: null, name: "2026/invoice.pdf" } as const;
    expect(lines({ ...file, source: "/srv/old" })).toEqual([
      "By an import of /srv/old",
      "As “2026/invoice.pdf”",
    ]);
    expect(lines({ ...file, source: null })[0]).toBe("By an import");
  });

  it("takes names as they are, whatever characters they have", () => {
    expect(lines({ subject: "<b> & {{source}} $t(app.name)" })[1]).toBe(
      "Letter from billing@example.org: “<b> & {{source}} $t(app.name)”",
    );
  });
});
