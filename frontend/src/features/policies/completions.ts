/** What can be written where in a policy, offered while typing. */
import type { Completion, CompletionContext, CompletionResult } from "@codemirror/autocomplete";
import { syntaxTree } from "@codemirror/language";
import { ACTIONS } from "@/components/actions";
import { pathAt } from "./policyText";

const MEMBERS = ["Sid", "Effect", "Action", "Resource", "Condition"];
const OPERATORS = [
  ...["StringEquals", "StringNotEquals", "StringLike", "StringNotLike"],
  ...["NumericEquals", "NumericLessThan", "NumericGreaterThan"],
  ...["DateLessThan", "DateGreaterThan", "Bool", "IpAddress", "NotIpAddress", "Null"],
];
const KEYS = [
  ...["documentType", "classification", "tag", "owner", "status", "name", "size"],
  ...["createdAt", "updatedAt", "sourceIp", "currentTime", "userId", "administrator"],
].map((name) => `dms:${name}`);
const RESOURCES = ["*", "dms:folder:", "dms:folder:*", "dms:document:", "dms:document:*"];

const plain = (labels: readonly string[]): Completion[] => labels.map((label) => ({ label }));

/** The words that fit in a value, by the member it is of; or in a name, by the members around it. */
function wordsFor(path: string[], isName: boolean): Completion[] {
  const within = path.indexOf("Condition");
  if (within >= 0) {
    // The name being written is part of the path itself.
    const depth = path.length - within - (isName ? 1 : 0);
    if (!isName) return [];
    return plain(depth === 1 ? OPERATORS : [...KEYS, "dms:property/"]);
  }
  if (isName) return plain(path.length > 1 ? MEMBERS : ["Version", "Statement"]);
  switch (path.at(-1)) {
    case "Action":
      return plain(["*", "dms:folder:*", "dms:document:*", ...ACTIONS]);
    case "Effect":
      return plain(["Allow", "Deny"]);
    case "Resource":
      return plain(RESOURCES);
    default:
      return [];
  }
}

export function complete(context: CompletionContext): CompletionResult | null {
  const node = syntaxTree(context.state).resolveInner(context.pos, -1);
  if (node.name !== "String" && node.name !== "PropertyName") return null;
  const options = wordsFor(
    pathAt(context.state.doc.toString(), context.pos),
    node.name === "PropertyName",
  );
  if (options.length === 0) return null;
  return { from: node.from + 1, options, validFor: /^[\w:*/]*$/ };
}
