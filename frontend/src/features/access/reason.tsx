/** Administrators who take access for themselves say why; the audit trail keeps it. */
import { Button, Group, Stack, Text, Textarea } from "@mantine/core";
import { modals } from "@mantine/modals";
import { useState, type SubmitEvent } from "react";
import { useTranslation } from "react-i18next";
import { isProblem } from "@/api/problem";
import { i18next } from "@/i18n";

const MODAL = "reason";

/** The person decided not to do it after all. */
export class Withdrawn extends Error {}

function askReason(): Promise<string | null> {
  return new Promise((resolve) => {
    let given: string | null = null;
    modals.open({
      modalId: MODAL,
      title: i18next.t("access.reason.title"),
      children: (
        <ReasonForm
          onGiven={(reason) => {
            given = reason;
            modals.close(MODAL);
          }}
        />
      ),
      onClose: () => resolve(given),
    });
  });
}

/**
 * Does something, and where the service wants to know why, asks and does it again with the reason.
 * Throws {@link Withdrawn} where none is given.
 */
export async function withReason<T>(deed: (reason?: string) => Promise<T>): Promise<T> {
  try {
    return await deed();
  } catch (error) {
    if (!isProblem(error, "reason_missing")) throw error;
  }
  const reason = await askReason();
  if (reason === null) throw new Withdrawn();
  return deed(reason);
}

function ReasonForm({ onGiven }: { onGiven: (reason: string) => void }) {
  const { t } = useTranslation();
  const [reason, setReason] = useState("");
  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    event.stopPropagation();
    onGiven(reason.trim());
  };
  return (
    <form onSubmit={submit}>
      <Stack gap="sm">
        <Text size="sm">{t("access.reason.text")}</Text>
        <Textarea
          label={t("access.reason.label")}
          required
          withAsterisk={false}
          autosize
          minRows={2}
          maxLength={1000}
          data-autofocus
          value={reason}
          onChange={(event) => setReason(event.currentTarget.value)}
        />
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={() => modals.close(MODAL)}>
            {t("common.cancel")}
          </Button>
          <Button type="submit" disabled={reason.trim() === ""}>
            {t("access.reason.submit")}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
