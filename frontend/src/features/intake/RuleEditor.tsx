/** What a rule asks for, and what it does. */
import {
  ActionIcon,
  Button,
  Checkbox,
  Fieldset,
  MultiSelect,
  Stack,
  TagsInput,
  Text,
  TextInput,
} from "@mantine/core";
import { IconPlus, IconX } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import type { IntakeSource } from "@/api/types";
import { FolderField } from "./FolderField";
import classes from "./Intake.module.css";
import { type DraftProperty, type RuleDraft, TEMPLATE_FIELDS, valueLike } from "./ruleDraft";

type RuleEditorProps = {
  rule: RuleDraft;
  sources: readonly IntakeSource[];
  onChange: (rule: RuleDraft) => void;
};

export function RuleEditor({ rule, sources, onChange }: RuleEditorProps) {
  const { t } = useTranslation();
  return (
    <Stack gap="sm" pt="xs">
      <TextInput
        label={t("intake.rule.name")}
        maxLength={200}
        error={rule.name.trim() === "" && t("intake.rules.nameMissing")}
        value={rule.name}
        onChange={(event) => onChange({ ...rule, name: event.currentTarget.value })}
      />
      <div className={classes.editor}>
        <Conditions
          when={rule.when}
          sources={sources}
          onChange={(part) => onChange({ ...rule, when: { ...rule.when, ...part } })}
        />
        <Actions
          then={rule.then}
          onChange={(part) => onChange({ ...rule, then: { ...rule.then, ...part } })}
        />
      </div>
      <Checkbox
        label={t("intake.rule.stop")}
        checked={rule.stop}
        onChange={(event) => onChange({ ...rule, stop: event.currentTarget.checked })}
      />
    </Stack>
  );
}

type FieldProps = {
  label: string;
  description?: string;
  placeholder?: string;
  maxLength?: number;
  value: string | null;
  onChange: (value: string) => void;
};

function Field({ value, maxLength = 200, onChange, ...props }: FieldProps) {
  return (
    <TextInput
      {...props}
      maxLength={maxLength}
      value={value ?? ""}
      onChange={(event) => onChange(event.currentTarget.value)}
    />
  );
}

type ConditionsProps = {
  when: RuleDraft["when"];
  sources: readonly IntakeSource[];
  onChange: (part: Partial<RuleDraft["when"]>) => void;
};

function Conditions({ when, sources, onChange }: ConditionsProps) {
  const { t } = useTranslation();
  const known = new Set(sources.map(({ id }) => id));
  const gone = when.source_ids.filter((id) => !known.has(id));
  return (
    <Fieldset legend={t("intake.rule.conditions")}>
      <Stack gap="xs">
        <Text size="xs" c="dimmed">
          {t("intake.rule.conditionsText")}
        </Text>
        <MultiSelect
          label={t("intake.rule.sources")}
          description={t("intake.rule.sourcesText")}
          data={[
            ...sources.map(({ id, name }) => ({ value: String(id), label: name })),
            ...gone.map((id) => ({ value: String(id), label: `#${id}` })),
          ]}
          value={when.source_ids.map(String)}
          onChange={(ids) => onChange({ source_ids: ids.map(Number) })}
        />
        <Field
          label={t("intake.rule.fileName")}
          placeholder="*invoice*"
          value={when.name}
          onChange={(name) => onChange({ name })}
        />
        <Field
          label={t("intake.rule.sender")}
          placeholder="*@example.org"
          value={when.sender}
          onChange={(sender) => onChange({ sender })}
        />
        <Field
          label={t("intake.rule.subject")}
          value={when.subject}
          onChange={(subject) => onChange({ subject })}
        />
        <Field
          label={t("intake.rule.mediaType")}
          placeholder="application/pdf"
          value={when.media_type}
          onChange={(media_type) => onChange({ media_type })}
        />
        <Field
          label={t("intake.rule.text")}
          description={t("intake.rule.textText")}
          value={when.text}
          onChange={(text) => onChange({ text })}
        />
      </Stack>
    </Fieldset>
  );
}

type ActionsProps = {
  then: RuleDraft["then"];
  onChange: (part: Partial<RuleDraft["then"]>) => void;
};

function Actions({ then, onChange }: ActionsProps) {
  const { t } = useTranslation();
  return (
    <Fieldset legend={t("intake.rule.actions")}>
      <Stack gap="xs">
        <Text size="xs" c="dimmed">
          {t("intake.rule.actionsText")}
        </Text>
        <FolderField
          clearable
          label={t("intake.rule.folder")}
          value={then.folder_id}
          onChange={(folder_id) => onChange({ folder_id })}
        />
        <Field
          label={t("intake.rule.subfolder")}
          description={t("intake.rule.subfolderText", { templates: TEMPLATE_FIELDS })}
          placeholder="{year}/{month}"
          maxLength={500}
          value={then.subfolder}
          onChange={(subfolder) => onChange({ subfolder })}
        />
        <Field
          label={t("intake.rule.newName")}
          description={t("intake.rule.templates", { templates: TEMPLATE_FIELDS })}
          placeholder="{year}-{month}-{day} {stem}"
          maxLength={500}
          value={then.name}
          onChange={(name) => onChange({ name })}
        />
        <Field
          label={t("intake.rule.type")}
          value={then.type}
          onChange={(type) => onChange({ type })}
        />
        <TagsInput
          label={t("intake.rule.tags")}
          maxLength={100}
          value={then.tags}
          onChange={(tags) => onChange({ tags })}
        />
        <Properties
          properties={then.properties}
          onChange={(properties) => onChange({ properties })}
        />
      </Stack>
    </Fieldset>
  );
}

type PropertiesProps = {
  properties: readonly DraftProperty[];
  onChange: (properties: DraftProperty[]) => void;
};

function Properties({ properties, onChange }: PropertiesProps) {
  const { t } = useTranslation();
  const set = (index: number, part: Partial<DraftProperty>) =>
    onChange(properties.map((one, at) => (at === index ? { ...one, ...part } : one)));
  return (
    <Stack gap={6} role="group" aria-label={t("intake.rule.properties")}>
      {properties.map((one, index) => (
        <div key={index} className={classes.pair}>
          <TextInput
            size="xs"
            maxLength={100}
            aria-label={t("intake.rule.property")}
            placeholder={t("intake.rule.property")}
            value={one.name}
            onChange={(event) => set(index, { name: event.currentTarget.value })}
          />
          <TextInput
            size="xs"
            aria-label={t("intake.rule.propertyValue")}
            placeholder={t("intake.rule.propertyValue")}
            value={one.value === null ? "" : String(one.value)}
            onChange={(event) =>
              set(index, { value: valueLike(one.value, event.currentTarget.value) })
            }
          />
          <ActionIcon
            variant="subtle"
            color="gray"
            aria-label={t("intake.rule.removeProperty", {
              name: one.name || t("intake.rule.property"),
            })}
            onClick={() => onChange(properties.filter((_, at) => at !== index))}
          >
            <IconX size={14} />
          </ActionIcon>
        </div>
      ))}
      <div>
        <Button
          variant="subtle"
          size="compact-sm"
          leftSection={<IconPlus size={14} />}
          onClick={() => onChange([...properties, { name: "", value: "" }])}
        >
          {t("intake.rule.addProperty")}
        </Button>
      </div>
    </Stack>
  );
}
