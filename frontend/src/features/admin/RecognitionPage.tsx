/** What the organisation's scans are written in. */
import { Button, MultiSelect, Stack } from "@mantine/core";
import { useDocumentTitle } from "@mantine/hooks";
import { IconLock } from "@tabler/icons-react";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { changeTextSettings } from "@/api/calls";
import { queryClient, textSettingsQuery } from "@/api/queries";
import { useMe } from "@/app/useMe";
import { notifyDone, notifyError } from "@/components/notify";
import { PageHead } from "@/components/PageHead";
import { ErrorState, Message, RowSkeletons } from "@/components/States";
import { languageChoices } from "@/features/document/languages";
import { Section } from "@/features/security/Section";
import security from "@/features/security/Security.module.css";

const MOST_LANGUAGES = 8;

export function RecognitionPage() {
  const { t } = useTranslation();
  useDocumentTitle(`${t("recognition.title")} · ${t("app.name")}`);
  const { isAdministrator } = useMe();
  if (!isAdministrator) {
    return (
      <Message
        icon={IconLock}
        title={t("users.forbiddenTitle")}
        text={t("recognition.forbidden")}
      />
    );
  }
  return (
    <>
      <PageHead title={t("recognition.title")} />
      <Settings />
    </>
  );
}

function Settings() {
  const settings = useQuery(textSettingsQuery);
  if (settings.isPending) return <RowSkeletons count={2} />;
  if (settings.isError) {
    return <ErrorState error={settings.error} onRetry={() => void settings.refetch()} />;
  }
  const { languages, readable } = settings.data;
  return <LanguagesForm key={languages.join()} chosen={languages} readable={readable} />;
}

function LanguagesForm({ chosen, readable }: { chosen: string[]; readable: string[] }) {
  const { t } = useTranslation();
  const [languages, setLanguages] = useState(chosen);
  const save = useMutation({
    mutationFn: changeTextSettings,
    onSuccess: (saved) => {
      queryClient.setQueryData(textSettingsQuery.queryKey, saved);
      notifyDone(t("recognition.saved"));
    },
    onError: notifyError,
  });
  return (
    <div className={security.page}>
      <Stack className={security.sections ?? ""} gap="md">
        <Section title={t("recognition.languages")} text={t("recognition.languagesText")}>
          <form
            onSubmit={(event) => {
              event.preventDefault();
              save.mutate(languages);
            }}
          >
            <MultiSelect
              mt="sm"
              searchable
              aria-label={t("recognition.languages")}
              description={languages.length === 0 ? t("recognition.none") : undefined}
              data={languageChoices(readable)}
              maxValues={MOST_LANGUAGES}
              value={languages}
              onChange={setLanguages}
            />
            <Button
              mt="sm"
              type="submit"
              loading={save.isPending}
              disabled={languages.join() === chosen.join()}
            >
              {t("recognition.save")}
            </Button>
          </form>
        </Section>
      </Stack>
    </div>
  );
}
