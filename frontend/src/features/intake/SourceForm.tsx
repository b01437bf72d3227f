/** A source is made, or changed: what every kind has, and what its own kind has. */
import { Alert, Button, Group, Select, Stack, Text, TextInput } from "@mantine/core";
import { modals } from "@mantine/modals";
import { useMutation } from "@tanstack/react-query";
import { useState, type SubmitEvent } from "react";
import { useTranslation } from "react-i18next";
import { createIntakeSource, updateIntakeSource } from "@/api/calls";
import { isProblem } from "@/api/problem";
import { keys, queryClient } from "@/api/queries";
import type { IntakeSource } from "@/api/types";
import { notifyDone } from "@/components/notify";
import { PrincipalSelect } from "@/features/access/PrincipalSelect";
import { ErrorNote } from "@/features/library/dialogs";
import { i18next } from "@/i18n";
import { FolderField } from "./FolderField";
import { FolderSettings, MailboxSettings, SmtpSettings } from "./SettingsFields";
import {
  draftOf,
  KEEPS,
  KINDS,
  NEW_SOURCE,
  newSource,
  type SourceDraft,
  sourceChange,
} from "./sourceDraft";

const MODAL = "intake-source";

export function openSourceForm(source?: IntakeSource): void {
  modals.open({
    modalId: MODAL,
    title: source
      ? i18next.t("intake.source.editTitle", { name: source.name })
      : i18next.t("intake.source.new"),
    size: "lg",
    // What was written is not lost to a click beside it.
    closeOnClickOutside: false,
    children: <SourceForm {...(source ? { source } : {})} />,
  });
}

/** Makes it, or changes what it was at a revision; false while something is lacking. */
async function write(draft: SourceDraft, source?: IntakeSource, basis?: number): Promise<boolean> {
  if (source === undefined) {
    const body = newSource(draft);
    if (body !== null) await createIntakeSource(body);
    return body !== null;
  }
  const body = sourceChange(draft);
  if (body !== null) await updateIntakeSource(source.id, body, basis);
  return body !== null;
}

function SourceForm({ source }: { source?: IntakeSource }) {
  const { t } = useTranslation();
  const [draft, setDraft] = useState<SourceDraft>(source ? draftOf(source) : NEW_SOURCE);
  const change = (part: Partial<SourceDraft>) => setDraft((old) => ({ ...old, ...part }));
  // The draft stays based on what was read when it was begun, until its writer wants it all the same.
  const [basis, setBasis] = useState(source?.revision);
  const save = useMutation({
    mutationFn: () => write(draft, source, basis),
    onSuccess: (written) => {
      if (!written) return;
      const name = draft.name.trim();
      notifyDone(t(source ? "intake.source.saved" : "intake.source.created", { name }));
      modals.close(MODAL);
    },
    onError: (error) => {
      if (isProblem(error, "stale")) setBasis(undefined);
    },
    onSettled: () => queryClient.invalidateQueries({ queryKey: keys.intake }),
  });
  const isStale = isProblem(save.error, "stale");
  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    save.mutate();
  };
  const isComplete = (source ? sourceChange(draft) : newSource(draft)) !== null;
  return (
    <form onSubmit={submit}>
      <Stack gap="sm">
        {!source && <KindSelect draft={draft} change={change} />}
        <TextInput
          label={t("intake.source.name")}
          description={t("intake.source.nameHelp")}
          required
          withAsterisk={false}
          maxLength={200}
          data-autofocus
          value={draft.name}
          onChange={(event) => change({ name: event.currentTarget.value })}
        />
        <KindFields draft={draft} change={change} source={source} />
        {draft.kind !== "folder" && (
          <Select
            label={t("intake.source.keeps")}
            allowDeselect={false}
            data={KEEPS.map((value) => ({ value, label: t(`intake.source.keepsChoice.${value}`) }))}
            value={draft.keeps}
            onChange={(value) => change({ keeps: KEEPS.find((one) => one === value) ?? "both" })}
          />
        )}
        <FolderField
          label={t("intake.source.folder")}
          value={draft.folderId}
          onChange={(folderId) => change({ folderId })}
        />
        <PrincipalSelect
          peopleOnly
          required
          label={t("intake.source.actsAs")}
          description={t("intake.source.actsAsText")}
          value={draft.actsAs}
          onChange={(actsAs) => change({ actsAs })}
        />
        {isStale && (
          <Alert color="orange" role="alert" title={t("intake.source.stale")}>
            {t("intake.source.staleText")}
          </Alert>
        )}
        {save.error && !isStale && <ErrorNote error={save.error} />}
        <Group justify="flex-end">
          <Button variant="default" onClick={() => modals.close(MODAL)}>
            {t("common.cancel")}
          </Button>
          <Button type="submit" disabled={!isComplete} loading={save.isPending}>
            {source
              ? t(isStale ? "intake.source.keepMine" : "common.save")
              : t("intake.source.create")}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

type PartProps = { draft: SourceDraft; change: (part: Partial<SourceDraft>) => void };

function KindSelect({ draft, change }: PartProps) {
  const { t } = useTranslation();
  return (
    <div>
      <Select
        label={t("intake.source.kind")}
        allowDeselect={false}
        data={KINDS.map((value) => ({ value, label: t(`intake.kind.${value}`) }))}
        value={draft.kind}
        onChange={(value) => change({ kind: KINDS.find((one) => one === value) ?? "folder" })}
      />
      <Text size="xs" c="dimmed" mt={4}>
        {t(`intake.kindText.${draft.kind}`)}
      </Text>
    </div>
  );
}

function KindFields({ draft, change, source }: PartProps & { source: IntakeSource | undefined }) {
  if (draft.kind === "folder") {
    return <FolderSettings fields={draft.folder} onChange={(folder) => change({ folder })} />;
  }
  if (draft.kind === "smtp") {
    return <SmtpSettings fields={draft.smtp} onChange={(smtp) => change({ smtp })} />;
  }
  const hasPassword = source?.settings.kind === "mailbox" && source.settings.has_password;
  return (
    <MailboxSettings
      fields={draft.mailbox}
      hasPassword={hasPassword}
      onChange={(mailbox) => change({ mailbox })}
    />
  );
}
