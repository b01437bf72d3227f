/** Languages by their codes, for choosing: named as a reader of this application calls them. */
import { i18next } from "@/i18n";

export type LanguageChoice = { value: string; label: string };

/** The names of languages (ISO 639-1), in the order of their names. */
export function languageChoices(codes: readonly string[]): LanguageChoice[] {
  const names = new Intl.DisplayNames([i18next.language], { type: "language" });
  return codes
    .map((value) => ({ value, label: names.of(value) ?? value }))
    .sort((a, b) => a.label.localeCompare(b.label));
}
