/** The language a person's browser prefers, of those the service writes letters in. */
import type { Language } from "@/api/types";

export const preferredLanguage = (): Language =>
  navigator.languages.find((one) => /^(de|en)\b/.test(one))?.startsWith("de") ? "de" : "en";
