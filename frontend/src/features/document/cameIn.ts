/** How a document came in, in words. Pure. */
import type { TFunction } from "i18next";
import type { Origin } from "@/api/types";

/** “By the mailbox “Invoices””. */
function wayWords(t: TFunction, { kind, source }: Origin): string {
  if (source === null) return t("cameIn.byImport");
  return t(`cameIn.by.${kind}`, { source });
}

/** “Letter from billing@example.org: “Your invoice””; null where it was no letter. */
function letterWords(t: TFunction, { kind, sender, subject }: Origin): string | null {
  if (kind !== "mailbox" && kind !== "smtp") return null;
  if (sender === null) return subject === null ? null : t("cameIn.about", { subject });
  if (subject === null) return t("cameIn.from", { sender });
  return t("cameIn.fromAbout", { sender, subject });
}

/** What is told, line by line: the way, the letter, and what it was called where it is called otherwise now. */
export function originLines(t: TFunction, origin: Origin, documentName: string): string[] {
  const isNamedOtherwise = origin.name !== documentName;
  return [
    wayWords(t, origin),
    letterWords(t, origin),
    isNamedOtherwise ? t("cameIn.as", { name: origin.name }) : null,
  ].filter((line) => line !== null);
}
