/** Setting up an authenticator app: the picture to scan, and the code that proves it was. */
import { Alert, Button, Code, Group, Stack, Text, TextInput } from "@mantine/core";
import { useState, type SubmitEvent } from "react";
import { useTranslation } from "react-i18next";
import type { Enrolment } from "@/api/types";
import { useExplain } from "@/components/useExplain";
import classes from "./Security.module.css";

type EnrolmentFormProps = {
  enrolment: Enrolment;
  error: unknown;
  pending: boolean;
  onCode: (code: string) => void;
};

export function EnrolmentForm({ enrolment, error, pending, onCode }: EnrolmentFormProps) {
  const { t } = useTranslation();
  const explain = useExplain();
  const [code, setCode] = useState("");
  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    onCode(code);
  };
  const failure = error ? explain(error) : null;
  return (
    <form onSubmit={submit}>
      <Stack gap="sm">
        <img
          className={classes.qr}
          src={`data:image/svg+xml;utf8,${encodeURIComponent(enrolment.qr_svg)}`}
          alt={t("security.scan")}
        />
        <Text size="sm" ta="center">
          {t("security.scan")}
        </Text>
        <Text size="xs" c="dimmed" ta="center">
          {t("security.secret")}
          <br />
          <Code className={classes.secret ?? ""}>{enrolment.secret}</Code>
        </Text>
        {failure && (
          <Alert color="red" role="alert" title={failure.title}>
            {failure.advice}
          </Alert>
        )}
        <TextInput
          label={t("security.confirmCode")}
          inputMode="numeric"
          autoComplete="one-time-code"
          required
          withAsterisk={false}
          data-autofocus
          value={code}
          onChange={(event) => setCode(event.currentTarget.value)}
        />
        <Group justify="flex-end">
          <Button type="submit" loading={pending}>
            {t("security.confirm")}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
