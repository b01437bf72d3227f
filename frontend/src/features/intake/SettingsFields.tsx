/** The fields that only one kind of source has. */
import {
  Checkbox,
  Group,
  NumberInput,
  PasswordInput,
  Select,
  Stack,
  TagsInput,
  TextInput,
} from "@mantine/core";
import { useTranslation } from "react-i18next";
import {
  AFTER_FILE,
  AFTER_LETTER,
  type FolderFields,
  type MailboxFields,
  SECURITY,
  type SmtpFields,
  withSecurity,
} from "./sourceDraft";

type FieldsProps<Fields> = { fields: Fields; onChange: (fields: Fields) => void };

type CountProps = {
  label: string;
  description?: string;
  value: number;
  range: readonly [number, number];
  onChange: (value: number) => void;
};

/** A whole number; while the field is empty, the last one stays. */
function Count({ label, description, value, range: [min, max], onChange }: CountProps) {
  return (
    <NumberInput
      label={label}
      description={description}
      min={min}
      max={max}
      allowDecimal={false}
      clampBehavior="blur"
      value={value}
      onChange={(next) => {
        if (typeof next === "number") onChange(next);
      }}
    />
  );
}

export function FolderSettings({ fields, onChange }: FieldsProps<FolderFields>) {
  const { t } = useTranslation();
  const set = (part: Partial<FolderFields>) => onChange({ ...fields, ...part });
  return (
    <Stack gap="sm">
      <TextInput
        label={t("intake.settings.directory")}
        description={t("intake.settings.directoryText")}
        placeholder="/srv/scans"
        required
        withAsterisk={false}
        maxLength={1_000}
        spellCheck={false}
        value={fields.directory}
        onChange={(event) => set({ directory: event.currentTarget.value })}
      />
      <Select
        label={t("intake.settings.after.folder.label")}
        allowDeselect={false}
        data={AFTER_FILE.map((value) => ({
          value,
          label: t(`intake.settings.after.folder.${value}`),
        }))}
        value={fields.after}
        onChange={(value) => set({ after: AFTER_FILE.find((one) => one === value) ?? "move" })}
      />
      <Count
        label={t("intake.settings.stableSeconds")}
        description={t("intake.settings.stableSecondsText")}
        range={[1, 3_600]}
        value={fields.stableSeconds}
        onChange={(stableSeconds) => set({ stableSeconds })}
      />
      <Checkbox
        label={t("intake.settings.keepsTree")}
        description={t("intake.settings.keepsTreeText")}
        checked={fields.keepsTree}
        onChange={(event) => set({ keepsTree: event.currentTarget.checked })}
      />
    </Stack>
  );
}

type MailboxProps = FieldsProps<MailboxFields> & { hasPassword: boolean };

export function MailboxSettings({ fields, hasPassword, onChange }: MailboxProps) {
  const { t } = useTranslation();
  const set = (part: Partial<MailboxFields>) => onChange({ ...fields, ...part });
  return (
    <Stack gap="sm">
      <Server fields={fields} onChange={onChange} />
      <TextInput
        label={t("intake.settings.user")}
        required
        withAsterisk={false}
        maxLength={200}
        autoComplete="off"
        value={fields.user}
        onChange={(event) => set({ user: event.currentTarget.value })}
      />
      <PasswordInput
        label={t("intake.settings.password")}
        description={t(`intake.settings.${hasPassword ? "passwordKept" : "passwordNew"}`)}
        maxLength={500}
        autoComplete="new-password"
        visibilityToggleButtonProps={{ "aria-label": t("login.showPassword") }}
        value={fields.password}
        onChange={(event) => set({ password: event.currentTarget.value })}
      />
      <TextInput
        label={t("intake.settings.mailbox")}
        required
        withAsterisk={false}
        maxLength={200}
        value={fields.mailbox}
        onChange={(event) => set({ mailbox: event.currentTarget.value })}
      />
      <Select
        label={t("intake.settings.after.mailbox.label")}
        allowDeselect={false}
        data={AFTER_LETTER.map((value) => ({
          value,
          label: t(`intake.settings.after.mailbox.${value}`),
        }))}
        value={fields.after}
        onChange={(value) => set({ after: AFTER_LETTER.find((one) => one === value) ?? "seen" })}
      />
      {fields.after === "move" && (
        <TextInput
          label={t("intake.settings.movedTo")}
          required
          withAsterisk={false}
          maxLength={200}
          value={fields.movedTo}
          onChange={(event) => set({ movedTo: event.currentTarget.value })}
        />
      )}
      <Count
        label={t("intake.settings.everySeconds")}
        range={[10, 86_400]}
        value={fields.everySeconds}
        onChange={(everySeconds) => set({ everySeconds })}
      />
    </Stack>
  );
}

function Server({ fields, onChange }: FieldsProps<MailboxFields>) {
  const { t } = useTranslation();
  return (
    <>
      <Group grow preventGrowOverflow={false} align="flex-start">
        <TextInput
          label={t("intake.settings.host")}
          placeholder="imap.example.org"
          required
          withAsterisk={false}
          maxLength={253}
          spellCheck={false}
          value={fields.host}
          onChange={(event) => onChange({ ...fields, host: event.currentTarget.value })}
        />
        <Count
          label={t("intake.settings.port")}
          range={[1, 65_535]}
          value={fields.port}
          onChange={(port) => onChange({ ...fields, port })}
        />
      </Group>
      <Select
        label={t("intake.settings.security")}
        allowDeselect={false}
        data={SECURITY.map((value) => ({
          value,
          label: t(`intake.settings.securityChoice.${value}`),
        }))}
        value={fields.security}
        onChange={(value) =>
          onChange(withSecurity(fields, SECURITY.find((one) => one === value) ?? "tls"))
        }
      />
    </>
  );
}

export function SmtpSettings({ fields, onChange }: FieldsProps<SmtpFields>) {
  const { t } = useTranslation();
  return (
    <Stack gap="sm">
      <TextInput
        label={t("intake.settings.address")}
        description={t("intake.settings.addressText")}
        type="email"
        required
        withAsterisk={false}
        maxLength={254}
        value={fields.address}
        onChange={(event) => onChange({ ...fields, address: event.currentTarget.value })}
      />
      <TagsInput
        label={t("intake.settings.senders")}
        description={t("intake.settings.sendersText")}
        maxLength={200}
        value={fields.senders}
        onChange={(senders) => onChange({ ...fields, senders })}
      />
    </Stack>
  );
}
