/** Change of one's own password. */
import { Alert, Button, Group, PasswordInput, Stack } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { useState, type SubmitEvent } from "react";
import { useTranslation } from "react-i18next";
import { changePassword } from "@/api/calls";
import { notifyDone } from "@/components/notify";
import { useExplain } from "@/components/useExplain";

export const MIN_PASSWORD = 8;

export function PasswordForm({ onDone }: { onDone: () => void }) {
  const { t } = useTranslation();
  const explain = useExplain();
  const [current, setCurrent] = useState("");
  const [next, setNext] = useState("");
  const [again, setAgain] = useState("");
  const change = useMutation({
    mutationFn: () => changePassword(current, next),
    onSuccess: () => {
      notifyDone(t("account.passwordChanged"));
      onDone();
    },
  });
  const differs = again !== "" && again !== next;
  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    if (next === again) change.mutate();
  };
  const failure = change.error ? explain(change.error) : null;

  return (
    <form onSubmit={submit}>
      <Stack gap="sm">
        {failure && (
          <Alert color="red" role="alert" title={failure.title}>
            {failure.advice}
          </Alert>
        )}
        <PasswordInput
          label={t("account.currentPassword")}
          autoComplete="current-password"
          required
          data-autofocus
          value={current}
          onChange={(event) => setCurrent(event.currentTarget.value)}
        />
        <PasswordInput
          label={t("account.newPassword")}
          description={t("account.passwordRule", { count: MIN_PASSWORD })}
          autoComplete="new-password"
          required
          minLength={MIN_PASSWORD}
          value={next}
          onChange={(event) => setNext(event.currentTarget.value)}
        />
        <PasswordInput
          label={t("account.repeatPassword")}
          autoComplete="new-password"
          required
          error={differs && t("account.passwordsDiffer")}
          value={again}
          onChange={(event) => setAgain(event.currentTarget.value)}
        />
        <Group justify="flex-end">
          <Button type="submit" loading={change.isPending} disabled={differs}>
            {t("account.changePassword")}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
