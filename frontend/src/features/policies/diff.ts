/** What changed between two texts, line by line, with a little around it. Pure. */
import { structuredPatch } from "diff";

export type DiffLine = { kind: "added" | "removed" | "same" | "gap"; text: string };

const KINDS = { "+": "added", "-": "removed", " ": "same" } as const;

function lineOf(raw: string): DiffLine | null {
  const sign = raw.charAt(0);
  // "\ No newline at end of file" is of no interest here.
  if (sign !== "+" && sign !== "-" && sign !== " ") return null;
  return { kind: KINDS[sign], text: raw.slice(1) };
}

export function diffLines(before: string, after: string): DiffLine[] {
  const { hunks } = structuredPatch("", "", before, after, "", "", { context: 2 });
  return hunks.flatMap(({ lines }, index) => {
    const shown = lines.map(lineOf).filter((one) => one !== null);
    return index === 0 ? shown : [{ kind: "gap", text: "" } as const, ...shown];
  });
}
