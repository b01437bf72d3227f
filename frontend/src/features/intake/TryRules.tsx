/** Tries the rules as they are being written on something that might come in. */
import { Badge, Button, Group, Select, Stack, Text, Textarea, TextInput } from "@mantine/core";
import { IconPlayerPlay } from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";
import { useState, type ReactNode, type SubmitEvent } from "react";
import { useTranslation } from "react-i18next";
import { tryIntakeRules } from "@/api/calls";
import type { IntakeRule, IntakeSource, IntakeTrial, TriedItem } from "@/api/types";
import { ErrorNote } from "@/features/library/dialogs";
import { Section } from "@/features/security/Section";
import classes from "./Intake.module.css";

type TryRulesProps = { rules: IntakeRule[]; sources: readonly IntakeSource[] };

const NOTHING = { name: "", sender: "", subject: "", mediaType: "", text: "" };
type Typed = typeof NOTHING;

/** What is left empty is not said. */
function triedItem(
  { name, sender, subject, mediaType, text }: Typed,
  source: string | null,
  rules: IntakeRule[],
): TriedItem {
  return {
    name: name.trim(),
    ...(sender.trim() !== "" && { sender: sender.trim() }),
    ...(subject.trim() !== "" && { subject: subject.trim() }),
    ...(mediaType.trim() !== "" && { media_type: mediaType.trim() }),
    ...(text.trim() !== "" && { text: text.trim() }),
    ...(source !== null && { source_id: Number(source) }),
    rules,
  };
}

export function TryRules({ rules, sources }: TryRulesProps) {
  const { t } = useTranslation();
  const [typed, setTyped] = useState(NOTHING);
  const [source, setSource] = useState<string | null>(null);
  const item = triedItem(typed, source, rules);
  const trial = useMutation({ mutationFn: tryIntakeRules });
  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    trial.mutate(item);
  };
  const field = (name: keyof Typed) => ({
    value: typed[name],
    onChange: (event: { currentTarget: { value: string } }) =>
      setTyped({ ...typed, [name]: event.currentTarget.value }),
  });
  const isStale = trial.data && JSON.stringify(trial.variables) !== JSON.stringify(item);
  return (
    <Section title={t("intake.try.title")} text={t("intake.try.about")}>
      <form onSubmit={submit}>
        <Stack gap="xs" mt="sm">
          <TextInput
            label={t("intake.try.name")}
            placeholder="invoice 17.pdf"
            required
            withAsterisk={false}
            maxLength={1_000}
            {...field("name")}
          />
          <Select
            clearable
            label={t("intake.try.source")}
            data={sources.map(({ id, name }) => ({ value: String(id), label: name }))}
            value={source}
            onChange={setSource}
          />
          <TextInput label={t("intake.try.sender")} maxLength={1_000} {...field("sender")} />
          <TextInput label={t("intake.try.subject")} maxLength={1_000} {...field("subject")} />
          <TextInput
            label={t("intake.try.mediaType")}
            placeholder="application/pdf"
            maxLength={200}
            {...field("mediaType")}
          />
          <Textarea
            autosize
            maxRows={6}
            label={t("intake.try.text")}
            description={t("intake.try.textText")}
            maxLength={100_000}
            {...field("text")}
          />
          <Group justify="flex-end">
            <Button
              type="submit"
              leftSection={<IconPlayerPlay size={15} />}
              disabled={typed.name.trim() === ""}
              loading={trial.isPending}
            >
              {t("intake.try.run")}
            </Button>
          </Group>
        </Stack>
      </form>
      {trial.error && <ErrorNote error={trial.error} />}
      <div aria-live="polite">
        {isStale && (
          <Text size="sm" c="dimmed" mb={6}>
            {t("intake.try.stale")}
          </Text>
        )}
        {trial.data && <Result trial={trial.data} />}
      </div>
    </Section>
  );
}

function Result({ trial }: { trial: IntakeTrial }) {
  const { t } = useTranslation();
  const { applied, folder, subfolder, tags, properties } = trial;
  const where = [folder?.path.split("/").join(" / ") ?? t("intake.try.noFolder"), subfolder];
  return (
    <section aria-label={t("intake.try.result")}>
      <dl className={classes.facts}>
        <Fact name={t("intake.try.applied")}>
          {applied.length === 0 ? t("intake.try.none") : applied.join(", ")}
        </Fact>
        <Fact name={t("intake.try.folder")}>{where.filter((one) => one !== null).join(" / ")}</Fact>
        <Fact name={t("intake.try.namedAs")}>{trial.name}</Fact>
        {trial.type !== null && <Fact name={t("intake.try.type")}>{trial.type}</Fact>}
        {tags.length > 0 && (
          <Fact name={t("intake.try.tags")}>
            <Group gap={4}>
              {tags.map((tag) => (
                <Badge key={tag} color="gray">
                  {tag}
                </Badge>
              ))}
            </Group>
          </Fact>
        )}
        {Object.keys(properties).length > 0 && (
          <Fact name={t("intake.try.properties")}>
            {Object.entries(properties)
              .map(([name, value]) => `${name} = ${String(value)}`)
              .join(", ")}
          </Fact>
        )}
      </dl>
    </section>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  );
}
