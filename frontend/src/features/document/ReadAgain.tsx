/** Has pages recognised once more, in other languages or by another engine. */
import { Button, Checkbox, Group, MultiSelect, Select, Stack } from "@mantine/core";
import { modals } from "@mantine/modals";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { recogniseDocument } from "@/api/calls";
import { keys, queryClient, textSettingsQuery } from "@/api/queries";
import { notifyDone, notifyError } from "@/components/notify";
import { i18next } from "@/i18n";
import { languageChoices } from "./languages";

const ENGINES = ["rapidocr", "tesseract", "paddleocr"] as const;

/** Opens the dialog; without a page it is for every page that is a picture. */
export function openReadAgain(documentId: number, page?: number): void {
  const id = modals.open({
    title:
      page === undefined
        ? i18next.t("texts.againTitle")
        : i18next.t("texts.againPage", { number: page }),
    children: <ReadAgainForm documentId={documentId} page={page} onDone={() => modals.close(id)} />,
  });
}

type FormProps = { documentId: number; page: number | undefined; onDone: () => void };

function ReadAgainForm({ documentId, page, onDone }: FormProps) {
  const { t } = useTranslation();
  const settings = useQuery(textSettingsQuery);
  const [languages, setLanguages] = useState<string[]>([]);
  const [engine, setEngine] = useState<string | null>(null);
  const [corrected, setCorrected] = useState(false);
  const ask = useMutation({
    mutationFn: () =>
      recogniseDocument(documentId, {
        pages: page === undefined ? null : [page],
        languages: languages.length === 0 ? null : languages,
        engine,
        replace_corrections: corrected,
      }),
    onSuccess: ({ pages }) => {
      void queryClient.invalidateQueries({ queryKey: keys.document(documentId) });
      notifyDone(
        pages.length === 0 ? t("texts.askedNothing") : t("texts.asked", { count: pages.length }),
      );
      onDone();
    },
    onError: notifyError,
  });
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        ask.mutate();
      }}
    >
      <Stack>
        <MultiSelect
          searchable
          label={t("texts.languages")}
          description={t("texts.languagesText")}
          data={languageChoices(settings.data?.readable ?? [])}
          value={languages}
          onChange={setLanguages}
        />
        <Select
          clearable
          label={t("texts.engine")}
          placeholder={t("texts.automatic")}
          data={[...ENGINES]}
          value={engine}
          onChange={setEngine}
        />
        <Checkbox
          label={t("texts.alsoCorrected")}
          checked={corrected}
          onChange={(event) => setCorrected(event.currentTarget.checked)}
        />
        <Group justify="flex-end">
          <Button variant="default" onClick={onDone}>
            {t("common.cancel")}
          </Button>
          <Button type="submit" loading={ask.isPending}>
            {t("texts.readAgain")}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
