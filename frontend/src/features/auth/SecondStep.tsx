/** The second step of signing in: a code, or a passkey. */
import { Alert, Button, Stack, Text, TextInput } from "@mantine/core";
import { IconAlertCircle, IconFingerprint } from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";
import { useState, type SubmitEvent } from "react";
import { useTranslation } from "react-i18next";
import { passkeysAreSupported } from "@/api/passkeys";
import { useExplain } from "@/components/useExplain";
import { sendCode, signInWithPasskey, type Next } from "./steps";

type SecondStepProps = {
  step: Extract<Next, { kind: "code" }>;
  onDone: () => void;
  onBack: () => void;
};

export function SecondStep({ step, onDone, onBack }: SecondStepProps) {
  const { t } = useTranslation();
  const explain = useExplain();
  const [code, setCode] = useState("");
  const byCode = useMutation({ mutationFn: () => sendCode(step.ticket, code), onSuccess: onDone });
  const byPasskey = useMutation({
    mutationFn: () => signInWithPasskey(step.ticket),
    onSuccess: onDone,
  });
  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    byPasskey.reset();
    byCode.mutate();
  };
  const error = byCode.error ?? byPasskey.error;
  const failure = error ? explain(error) : null;
  const hasApp = step.methods.includes("totp");
  const hasPasskey = step.methods.includes("passkey") && passkeysAreSupported();
  return (
    <form onSubmit={submit}>
      <Stack gap="md">
        <Text component="h2" fw={600} ta="center">
          {t("secondStep.title")}
        </Text>
        {failure && (
          <Alert
            color="red"
            role="alert"
            icon={<IconAlertCircle size={18} />}
            title={failure.title}
          >
            {failure.advice}
          </Alert>
        )}
        {hasPasskey && (
          <Button
            variant="default"
            leftSection={<IconFingerprint size={18} />}
            onClick={() => byPasskey.mutate()}
            loading={byPasskey.isPending}
          >
            {t("secondStep.orPasskey")}
          </Button>
        )}
        <TextInput
          label={t("secondStep.code")}
          description={t(hasApp ? "secondStep.codeHelp" : "secondStep.recoveryHelp")}
          autoComplete="one-time-code"
          required
          withAsterisk={false}
          autoFocus
          size="sm"
          value={code}
          onChange={(event) => setCode(event.currentTarget.value)}
        />
        <Button type="submit" size="sm" fullWidth loading={byCode.isPending}>
          {t("secondStep.submit")}
        </Button>
        <Button variant="subtle" color="gray" size="xs" onClick={onBack}>
          {t("secondStep.back")}
        </Button>
      </Stack>
    </form>
  );
}
