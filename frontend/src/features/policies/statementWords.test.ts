import { expect, test } from "vitest";
import { i18next } from "@/i18n";
import { inWords } from "./statementWords";

const { t } = i18next;

test("a statement is told by what it does, to what, and when", () => {
  const document = {
    Version: "1",
    Statement: [
      {
        Sid: "office",
        Effect: "Allow",
        Action: ["dms:folder:list", "dms:document:*d"],
        Resource: ["dms:folder:12", "dms:folder:12/*", "dms:document:9"],
        Condition: { IpAddress: { "dms:sourceIp": "10.0.0.0/8" } },
      },
      { Effect: "Deny", Action: "*", Resource: "*" },
    ],
  };
  const names = { "dms:folder:12": "Contracts", "dms:folder:12/*": "Contracts" };
  expect(inWords(t, document, names)).toEqual([
    {
      effect: "allow",
      title: "statement “office”",
      what: ["Open folders", "Read documents"],
      where: [
        { text: "on “Contracts” itself", isMissing: false },
        { text: "on everything in “Contracts”", isMissing: false },
        { text: "on “dms:document:9” itself", isMissing: true },
      ],
      condition: "It holds where the network address is in 10.0.0.0/8.",
    },
    {
      effect: "deny",
      title: "statement 2",
      what: ["everything"],
      where: [{ text: "on everything in the organisation", isMissing: false }],
      condition: null,
    },
  ]);
});

test("a single statement needs no list, and ? is one character", () => {
  const statement = { Effect: "Allow", Action: "dms:document:?ock", Resource: "dms:folder:*" };
  const [words] = inWords(t, { Statement: statement }, {});
  expect(words?.what).toEqual(["Lock documents"]);
  expect(words?.where[0]?.text).toBe("on every folder");
});
