/** The bare words of a search, without its syntax, for marking them where they occur. */

const FIELD = /^(type|tag|in|owner|before|after|size)[:<>]/i;

/** `"annual report" -draft type:pdf tax` → `annual`, `report`, `tax`. */
export function plainWords(query: string): string[] {
  const words: string[] = [];
  for (const [, not, phrase, word] of query.matchAll(/(-?)"([^"]*)"|(\S+)/g)) {
    if (word !== undefined) {
      const skipped = word.startsWith("-") || FIELD.test(word) || /^or$/i.test(word);
      if (!skipped) words.push(word);
    } else if (phrase !== undefined && not === "") {
      words.push(...phrase.split(/\s+/));
    }
  }
  return words.map((word) => word.replace(/^["'(]+|["'),.;]+$/g, "")).filter((word) => word !== "");
}

export type Piece = { text: string; hit: boolean };

const escaped = (word: string): string => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

/** Splits text at the words looked for, without regard to case. */
export function markWords(text: string, words: readonly string[]): Piece[] {
  if (words.length === 0) return [{ text, hit: false }];
  const pattern = new RegExp(`(${words.map(escaped).join("|")})`, "giu");
  return text
    .split(pattern)
    .map((part, index) => ({ text: part, hit: index % 2 === 1 }))
    .filter((piece) => piece.text !== "");
}

const HIT_START = "\u0002";
const HIT_END = "\u0003";

/** Splits a snippet of the service, in which U+0002 and U+0003 enclose each hit. */
export function markSnippet(snippet: string): Piece[] {
  const pieces: Piece[] = [];
  let hit = false;
  let text = "";
  for (const character of snippet) {
    if (character === HIT_START || character === HIT_END) {
      if (text !== "") pieces.push({ text, hit });
      text = "";
      hit = character === HIT_START;
    } else {
      text += character;
    }
  }
  if (text !== "") pieces.push({ text, hit });
  return pieces;
}
