/** A source as its form has it, and as the service takes it. Pure. */
import type { IntakeSource, IntakeSourceChange, NewIntakeSource, Principal } from "@/api/types";

type Settings = NewIntakeSource["settings"];
type Of<Kind extends SourceKind> = Extract<Settings, { kind: Kind }>;
export type SourceKind = IntakeSource["kind"];
export type Keeps = NonNullable<IntakeSource["keeps"]>;

export const KINDS = ["folder", "mailbox", "smtp"] as const satisfies readonly SourceKind[];
export const KEEPS = ["both", "message", "attachments"] as const satisfies readonly Keeps[];
export const AFTER_FILE = ["move", "delete", "keep"] as const;
export const AFTER_LETTER = ["seen", "move", "delete"] as const;
export const SECURITY = ["tls", "starttls", "plain"] as const;

export type FolderFields = {
  directory: string;
  after: (typeof AFTER_FILE)[number];
  stableSeconds: number;
  keepsTree: boolean;
};

export type MailboxFields = {
  host: string;
  port: number;
  security: (typeof SECURITY)[number];
  user: string;
  /** Empty: the one that is set stays. */
  password: string;
  mailbox: string;
  after: (typeof AFTER_LETTER)[number];
  movedTo: string;
  everySeconds: number;
};

export type SmtpFields = { address: string; senders: string[] };

/** The fields of every kind at once: who changes the kind and changes it back has lost nothing. */
export type SourceDraft = {
  name: string;
  kind: SourceKind;
  folderId: number | null;
  actsAs: Principal | null;
  keeps: Keeps;
  folder: FolderFields;
  mailbox: MailboxFields;
  smtp: SmtpFields;
};

export const NEW_SOURCE: SourceDraft = {
  name: "",
  kind: "folder",
  folderId: null,
  actsAs: null,
  keeps: "both",
  folder: { directory: "", after: "move", stableSeconds: 10, keepsTree: true },
  mailbox: {
    host: "",
    port: 993,
    security: "tls",
    user: "",
    password: "",
    mailbox: "INBOX",
    after: "seen",
    movedTo: "",
    everySeconds: 300,
  },
  smtp: { address: "", senders: [] },
};

/** The ports that mail servers listen on for IMAP. */
const PORTS: Readonly<Record<MailboxFields["security"], number>> = {
  tls: 993,
  starttls: 143,
  plain: 143,
};

/** With another protection the usual port is another one; a port somebody chose stays. */
export function withSecurity(
  fields: MailboxFields,
  security: MailboxFields["security"],
): MailboxFields {
  const isUsual = fields.port === PORTS[fields.security];
  return { ...fields, security, port: isUsual ? PORTS[security] : fields.port };
}

export function draftOf({ settings, ...source }: IntakeSource): SourceDraft {
  const draft: SourceDraft = {
    ...NEW_SOURCE,
    name: source.name,
    kind: source.kind,
    folderId: source.folder?.id ?? null,
    actsAs: {
      principal: `user:${source.acts_as.id}`,
      name: source.acts_as.name,
      email: null,
    },
    keeps: source.keeps ?? NEW_SOURCE.keeps,
  };
  switch (settings.kind) {
    case "folder": {
      const { directory, after, stable_seconds, keeps_tree } = settings;
      const folder = { directory, after, stableSeconds: stable_seconds, keepsTree: keeps_tree };
      return { ...draft, folder };
    }
    case "mailbox": {
      const { host, port, security, user, mailbox, after, moved_to, every_seconds } = settings;
      const where = { host, port, security, user, password: "", mailbox };
      const how = { after, movedTo: moved_to ?? "", everySeconds: every_seconds };
      return { ...draft, mailbox: { ...where, ...how } };
    }
    case "smtp":
      return { ...draft, smtp: { address: settings.address, senders: settings.senders ?? [] } };
  }
}

function folderSettings(fields: FolderFields): Of<"folder"> {
  const { directory, after, stableSeconds, keepsTree } = fields;
  return {
    kind: "folder",
    directory: directory.trim(),
    after,
    stable_seconds: stableSeconds,
    keeps_tree: keepsTree,
  };
}

function mailboxSettings(fields: MailboxFields): Of<"mailbox"> {
  const { host, port, security, user, password, mailbox, after, movedTo, everySeconds } = fields;
  return {
    kind: "mailbox",
    ...{ host: host.trim(), port, security, user: user.trim(), mailbox: mailbox.trim(), after },
    moved_to: after === "move" ? movedTo.trim() : null,
    every_seconds: everySeconds,
    ...(password !== "" && { password }),
  };
}

function settingsOf(draft: SourceDraft): Settings {
  if (draft.kind === "folder") return folderSettings(draft.folder);
  if (draft.kind === "mailbox") return mailboxSettings(draft.mailbox);
  const { address, senders } = draft.smtp;
  return { kind: "smtp", address: address.trim(), senders };
}

/** What of letters is kept; where no letters come, nothing is said of it. */
const keepsOf = ({ kind, keeps }: SourceDraft): Keeps | null => (kind === "folder" ? null : keeps);

/** The user's id in `user:12`. */
const idOf = ({ principal }: Principal): number => Number(principal.slice("user:".length));

const keeping = (draft: SourceDraft) => {
  const keeps = keepsOf(draft);
  return keeps === null ? {} : { keeps };
};

/** Null while something is lacking that a source cannot do without. */
export function newSource(draft: SourceDraft): NewIntakeSource | null {
  const { folderId, actsAs } = draft;
  const name = draft.name.trim();
  if (name === "" || folderId === null || actsAs === null) return null;
  const where = { folder_id: folderId, acts_as: idOf(actsAs) };
  return { name, enabled: true, ...where, ...keeping(draft), settings: settingsOf(draft) };
}

/** Null while something is lacking. Its kind stays, and so does a folder that whoever changes it may not see. */
export function sourceChange(draft: SourceDraft): IntakeSourceChange | null {
  const { folderId, actsAs } = draft;
  const name = draft.name.trim();
  if (name === "" || actsAs === null) return null;
  const where = { ...(folderId !== null && { folder_id: folderId }), acts_as: idOf(actsAs) };
  return { name, ...where, ...keeping(draft), settings: settingsOf(draft) };
}
