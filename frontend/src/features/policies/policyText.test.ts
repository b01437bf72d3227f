import { expect, test } from "vitest";
import { diffLines } from "./diff";
import { FIRST_TEXT, locate, pathAt, readPolicy, writePolicy } from "./policyText";

const words = { notJson: "not JSON", notObject: "no object" };

const TEXT = `{
  "Version": "1",
  "Statement": [
    {
      "Effect": "Allow",
      "Action": ["dms:document:Read", "dms:folder:Red"],
      "Condition": {"StringEquals": {"dms:property/a~b": "x"}}
    }
  ]
}`;

const shown = (pointer: string) => {
  const { from, to, line } = locate(TEXT, pointer, "");
  return [line, TEXT.slice(from, to)];
};

test("a policy is written in the order people read it, whatever order it came in", () => {
  const text = writePolicy({
    Statement: [{ Resource: "*", Sid: "a", Action: "*", Effect: "Deny" }],
    Version: "1",
  });
  const found = readPolicy(text, words);
  expect("document" in found && Object.keys(found.document)).toEqual(["Version", "Statement"]);
  expect(text.match(/"(Sid|Effect|Action|Resource)"/g)).toEqual([
    '"Sid"',
    '"Effect"',
    '"Action"',
    '"Resource"',
  ]);
  expect(writePolicy({ Version: "1", Statement: { Effect: "Deny", Sid: "a" } })).toContain(
    '"Sid": "a",\n    "Effect"',
  );
  // What is no policy is written all the same: it is the service that says so.
  expect(writePolicy({ Statement: "x" })).toBe('{\n  "Statement": "x"\n}\n');
  expect(readPolicy(FIRST_TEXT, words)).toHaveProperty("document");
});

test("a pointer leads to the value, in lists, members and escaped names", () => {
  expect(shown("/Statement/0/Action/1")).toEqual([6, '"dms:folder:Red"']);
  expect(shown("/Statement/0/Effect")).toEqual([5, '"Effect": "Allow"']);
  expect(shown("/Statement/0/Condition/StringEquals/dms:property~1a~0b")).toEqual([
    7,
    '"dms:property/a~b": "x"',
  ]);
  expect(shown("")).toEqual([1, "{"]);
});

test("what is missing is shown where it would be, on one line", () => {
  expect(shown("/Statement/0/Resource")).toEqual([4, "{"]);
  expect(shown("/Statement/7")).toEqual([3, '"Statement": [']);
  expect(locate("", "/Statement", "")).toMatchObject({ from: 0, to: 0, line: 1 });
});

test("what is not JSON is shown where it ceases to be", () => {
  const broken = '{\n  "Version": "1"\n  "Statement": []\n}';
  expect(readPolicy(broken, words)).toEqual({
    fault: expect.objectContaining({ line: 3, detail: "not JSON" }) as unknown,
  });
  expect(readPolicy('{"a": ', words)).toHaveProperty("fault.line", 1);
  expect(readPolicy("[]", words)).toHaveProperty("fault.detail", "no object");
  expect(readPolicy("", words)).toHaveProperty("fault.line", 1);
});

test("where one writes is known by the members around", () => {
  expect(pathAt(TEXT, TEXT.indexOf("folder:Red"))).toEqual(["Statement", "Action"]);
  expect(pathAt(TEXT, TEXT.indexOf('x"'))).toEqual([
    "Statement",
    "Condition",
    "StringEquals",
    "dms:property/a~b",
  ]);
});

test("versions are compared line by line, with what is far from a change left out", () => {
  const before = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"].join("\n");
  const after = before.replace("a", "A").replace("j", "J");
  const kinds = diffLines(`${before}\n`, `${after}\n`).map(({ kind, text }) => `${kind} ${text}`);
  expect(kinds).toEqual([
    "removed a",
    "added A",
    "same b",
    "same c",
    "gap ",
    "same h",
    "same i",
    "removed j",
    "added J",
  ]);
  expect(diffLines("x\n", "x\n")).toEqual([]);
  expect(diffLines("", "x")).toEqual([{ kind: "added", text: "x" }]);
});
