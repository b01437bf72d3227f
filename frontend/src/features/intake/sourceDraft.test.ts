import { describe, expect, test } from "vitest";
import type { IntakeSource } from "@/api/types";
import { draftOf, NEW_SOURCE, newSource, sourceChange, withSecurity } from "./sourceDraft";

const ada = { principal: "user:3", name: "Ada", email: "ada@example.org" };
const filled = { ...NEW_SOURCE, name: " Scanner ", folderId: 12, actsAs: ada };

const common = {
  id: 4,
  name: "Post",
  enabled: true,
  folder: { id: 12, name: "Incoming", path: "Accounting/Incoming" },
  acts_as: { id: 3, name: "Ada" },
  state: "working",
  last_run_at: null,
  last_error: null,
  filed: 0,
  refused: 0,
  created_at: "2026-02-11T15:00:00Z",
  revision: 2,
} as const;

const mailbox: IntakeSource = {
  ...common,
  kind: "mailbox",
  keeps: "attachments",
  settings: {
    kind: "mailbox",
    host: "imap.example.org",
    port: 993,
    security: "tls",
    user: "post",
    mailbox: "INBOX",
    after: "move",
    moved_to: "Filed",
    every_seconds: 300,
    has_password: true,
  },
};

describe("a source that is made", () => {
  test("lacks something until it has a name, a folder and a person", () => {
    expect(newSource(NEW_SOURCE)).toBeNull();
    expect(newSource({ ...filled, name: "  " })).toBeNull();
    expect(newSource({ ...filled, folderId: null })).toBeNull();
    expect(newSource({ ...filled, actsAs: null })).toBeNull();
  });

  test("says what its own kind has, and of a directory nothing about letters", () => {
    const folder = { ...NEW_SOURCE.folder, directory: " /srv/scans " };
    expect(newSource({ ...filled, folder })).toEqual({
      name: "Scanner",
      enabled: true,
      folder_id: 12,
      acts_as: 3,
      settings: {
        kind: "folder",
        directory: "/srv/scans",
        after: "move",
        stable_seconds: 10,
        keeps_tree: true,
      },
    });
    const smtp = { address: " in@example.org ", senders: ["*@example.org"] };
    expect(newSource({ ...filled, kind: "smtp", smtp })).toMatchObject({
      keeps: "both",
      settings: { kind: "smtp", address: "in@example.org", senders: ["*@example.org"] },
    });
  });

  test("names the mailbox folder to move to only where letters are moved", () => {
    const moving = { ...NEW_SOURCE.mailbox, after: "move", movedTo: "Filed" } as const;
    const settings = (fields: typeof NEW_SOURCE.mailbox) =>
      newSource({ ...filled, kind: "mailbox", mailbox: fields })?.settings;
    expect(settings(moving)).toMatchObject({ after: "move", moved_to: "Filed" });
    expect(settings({ ...moving, after: "seen" })).toMatchObject({ after: "seen", moved_to: null });
  });
});

describe("a source that is changed", () => {
  test("keeps its password unless another one is given", () => {
    const draft = draftOf(mailbox);
    expect(sourceChange(draft)?.settings).not.toHaveProperty("password");
    const given = { ...draft, mailbox: { ...draft.mailbox, password: "s3cret" } };
    expect(sourceChange(given)?.settings).toHaveProperty("password", "s3cret");
  });

  test("says again all that it was, but not whether it is paused", () => {
    expect(sourceChange(draftOf(mailbox))).toEqual({
      name: "Post",
      folder_id: 12,
      acts_as: 3,
      keeps: "attachments",
      settings: {
        kind: "mailbox",
        host: "imap.example.org",
        port: 993,
        security: "tls",
        user: "post",
        mailbox: "INBOX",
        after: "move",
        moved_to: "Filed",
        every_seconds: 300,
      },
    });
  });

  test("leaves a folder alone that its administrator may not see", () => {
    const change = sourceChange(draftOf({ ...mailbox, folder: null }));
    expect(change).not.toBeNull();
    expect(change).not.toHaveProperty("folder_id");
  });
});

describe("another protection of the connection", () => {
  test("changes the usual port, and none that somebody chose", () => {
    const { mailbox: fields } = NEW_SOURCE;
    expect(withSecurity(fields, "starttls").port).toBe(143);
    expect(withSecurity({ ...fields, port: 1993 }, "starttls").port).toBe(1993);
  });
});
