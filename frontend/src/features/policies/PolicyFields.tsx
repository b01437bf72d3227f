/** What of a policy is written: its name, what it is for, its JSON, and what is wrong with that. */
import { Stack, Text, Textarea, TextInput } from "@mantine/core";
import { useRef } from "react";
import { useTranslation } from "react-i18next";
import { Faults } from "./Faults";
import { InWords } from "./InWords";
import { PolicyEditor, type EditorHandle } from "./PolicyEditor";
import type { Checked } from "./useCheck";
import type { Draft } from "./useDraft";

type PolicyFieldsProps = { draft: Draft; change: (part: Partial<Draft>) => void; checked: Checked };

export function PolicyFields({ draft, change, checked }: PolicyFieldsProps) {
  const { t } = useTranslation();
  const editor = useRef<EditorHandle>(null);
  return (
    <Stack gap="sm">
      <TextInput
        label={t("policies.name")}
        required
        withAsterisk={false}
        maxLength={200}
        value={draft.name}
        onChange={(event) => change({ name: event.currentTarget.value })}
      />
      <Textarea
        label={t("policies.description")}
        autosize
        maxLength={2000}
        value={draft.description}
        onChange={(event) => change({ description: event.currentTarget.value })}
      />
      <div>
        <Text size="sm" fw={500} mb={2} aria-hidden>
          {t("policies.editor")}
        </Text>
        <Text size="xs" c="dimmed" mb={4}>
          {t("policies.hint")}
        </Text>
        <PolicyEditor
          ref={editor}
          label={t("policies.editor")}
          value={draft.text}
          onChange={(text) => change({ text })}
          checked={checked}
        />
      </div>
      <Faults checked={checked} onShow={(offset) => editor.current?.reveal(offset)} />
      {checked.says && <InWords {...checked.says} />}
    </Stack>
  );
}
