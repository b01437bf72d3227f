/** Asks for a code before something is changed that only the owner may change. */
import { Alert, Button, Group, Stack, TextInput } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { useState, type SubmitEvent } from "react";
import { useTranslation } from "react-i18next";
import { useExplain } from "@/components/useExplain";

type CodeFormProps<Answer> = {
  action: string;
  color?: string;
  send: (code: string) => Promise<Answer>;
  onDone: (answer: Answer) => void;
};

export function CodeForm<Answer>({ action, color, send, onDone }: CodeFormProps<Answer>) {
  const { t } = useTranslation();
  const explain = useExplain();
  const [code, setCode] = useState("");
  const sending = useMutation({ mutationFn: () => send(code), onSuccess: onDone });
  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    sending.mutate();
  };
  const failure = sending.error ? explain(sending.error) : null;
  return (
    <form onSubmit={submit}>
      <Stack gap="sm">
        {failure && (
          <Alert color="red" role="alert" title={failure.title}>
            {failure.advice}
          </Alert>
        )}
        <TextInput
          label={t("security.proof")}
          autoComplete="one-time-code"
          required
          withAsterisk={false}
          data-autofocus
          value={code}
          onChange={(event) => setCode(event.currentTarget.value)}
        />
        <Group justify="flex-end">
          <Button type="submit" loading={sending.isPending} {...(color ? { color } : {})}>
            {action}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
