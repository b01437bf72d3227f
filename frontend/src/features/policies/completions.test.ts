import { CompletionContext } from "@codemirror/autocomplete";
import { json } from "@codemirror/lang-json";
import { EditorState } from "@codemirror/state";
import { expect, test } from "vitest";
import { complete } from "./completions";

/** What is offered where a bar stands in a text. */
function offered(text: string): string[] | null {
  const pos = text.indexOf("|");
  const state = EditorState.create({ doc: text.replace("|", ""), extensions: [json()] });
  const found = complete(new CompletionContext(state, pos, false));
  return found === null ? null : found.options.map(({ label }) => label);
}

test("what fits is offered where it fits", () => {
  expect(offered('{"|": 1}')).toEqual(["Version", "Statement"]);
  expect(offered('{"Statement": [{"|": 1}]}')).toContain("Resource");
  expect(offered('{"Statement": [{"Effect": "|"}]}')).toEqual(["Allow", "Deny"]);
  expect(offered('{"Statement": [{"Action": ["dms:doc|"]}]}')).toContain("dms:document:Read");
  expect(offered('{"Statement": [{"Resource": "dms:|"}]}')).toContain("dms:folder:");
  expect(offered('{"Statement": [{"Condition": {"|": {}}}]}')).toContain("StringEquals");
  expect(offered('{"Statement": [{"Condition": {"Bool": {"|": 1}}}]}')).toContain(
    "dms:administrator",
  );
});

test("where anything can be written nothing is offered", () => {
  expect(offered('{"Statement": [{"Sid": "|"}]}')).toBeNull();
  expect(offered('{"Statement": [{"Condition": {"Bool": {"dms:tag": "|"}}}]}')).toBeNull();
  expect(offered('{ | "Version": "1"}')).toBeNull();
});
