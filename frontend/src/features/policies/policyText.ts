/** A policy as text: written in the order people read it, read with the place of what is wrong. Pure. */
import { parser } from "@lezer/json";
import type { SyntaxNode } from "@lezer/common";
import type { Policy } from "@/api/types";

export type PolicyDocument = Policy["document"];

/** What is wrong, and where: offsets into the text, and the line, from 1. */
export type Fault = { from: number; to: number; line: number; detail: string };

const ORDER = ["Version", "Statement", "Sid", "Effect", "Action", "Resource", "Condition"];

const rank = (name: string): number => {
  const place = ORDER.indexOf(name);
  return place < 0 ? ORDER.length : place;
};

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const inOrder = (value: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(value).sort(([a], [b]) => rank(a) - rank(b)));

/** The service keeps no order among members; what a policy is about comes first here. */
export function writePolicy(document: PolicyDocument): string {
  const { Statement: statement } = document;
  const ordered = Array.isArray(statement)
    ? statement.map((one: unknown) => (isObject(one) ? inOrder(one) : one))
    : isObject(statement)
      ? inOrder(statement)
      : statement;
  const whole = inOrder({ ...document, ...("Statement" in document && { Statement: ordered }) });
  return `${JSON.stringify(whole, null, 2)}\n`;
}

/** What a new policy starts from. */
export const FIRST_TEXT = writePolicy({
  Version: "1",
  Statement: [
    {
      Sid: "readers",
      Effect: "Allow",
      Action: ["dms:folder:List", "dms:document:Read"],
      Resource: ["dms:folder:0", "dms:folder:0/*"],
    },
  ],
});

const lineAt = (text: string, offset: number): number => text.slice(0, offset).split("\n").length;

/** A range of at most one line, so that not half a policy is underlined. */
function fault(text: string, from: number, to: number, detail: string): Fault {
  const end = text.indexOf("\n", from);
  const until = Math.min(to, end < 0 ? text.length : end);
  return { from, to: Math.max(until, from), line: lineAt(text, from), detail };
}

export type Read = { document: PolicyDocument } | { fault: Fault };

/** The document a text is, or where it ceases to be JSON. */
export function readPolicy(text: string, words: { notJson: string; notObject: string }): Read {
  try {
    const document: unknown = JSON.parse(text);
    if (isObject(document)) return { document };
    return { fault: fault(text, 0, text.length, words.notObject) };
  } catch {
    let at = text.length;
    parser.parse(text).iterate({
      enter: (node) => {
        if (node.type.isError) at = Math.min(at, node.from);
      },
    });
    return { fault: fault(text, at, at + 1, words.notJson) };
  }
}

const VALUES = new Set(["Object", "Array", "String", "Number", "True", "False", "Null"]);

function children(node: SyntaxNode): SyntaxNode[] {
  const found: SyntaxNode[] = [];
  for (let child = node.firstChild; child !== null; child = child.nextSibling) found.push(child);
  return found;
}

function propertyName(text: string, property: SyntaxNode): string | null {
  const name = property.getChild("PropertyName");
  return name === null ? null : (JSON.parse(text.slice(name.from, name.to)) as string);
}

/** What is under a name or at a place; a member is found with its name, and goes on with its value. */
function step(text: string, node: SyntaxNode, name: string): SyntaxNode | null {
  const value = node.name === "Property" ? node.lastChild : node;
  if (value?.name === "Array") {
    const members = children(value).filter((child) => VALUES.has(child.name));
    return members[Number(name)] ?? null;
  }
  const members = value?.name === "Object" ? value.getChildren("Property") : [];
  return members.find((one) => propertyName(text, one) === name) ?? null;
}

const unescaped = (token: string): string => token.replaceAll("~1", "/").replaceAll("~0", "~");

/** Where a JSON pointer (RFC 6901) points in a text; what is not there is where it would be. */
export function locate(text: string, pointer: string, detail: string): Fault {
  const top = parser.parse(text).topNode.firstChild;
  if (top === null) return fault(text, 0, text.length, detail);
  let node = top;
  for (const token of pointer.split("/").slice(1)) {
    const next = step(text, node, unescaped(token));
    if (next === null) break;
    node = next;
  }
  return fault(text, node.from, node.to, detail);
}

/** The names of the members and lists around an offset, the outermost first; lists have no names of their own. */
export function pathAt(text: string, offset: number): string[] {
  const path: string[] = [];
  const inner = parser.parse(text).resolveInner(offset, -1);
  for (let node: SyntaxNode | null = inner; node !== null; node = node.parent) {
    const name = node.name === "Property" ? propertyName(text, node) : null;
    if (name !== null) path.unshift(name);
  }
  return path;
}
