/** Ask for a link to set a new password. The answer is the same whether or not there is an account. */
import { Anchor, Button, Stack, TextInput } from "@mantine/core";
import { useDocumentTitle } from "@mantine/hooks";
import { useMutation } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState, type SubmitEvent } from "react";
import { useTranslation } from "react-i18next";
import { requestPasswordReset } from "@/api/calls";
import { preferredLanguage } from "@/features/people/language";
import { AuthCard, AuthFailure } from "./AuthCard";

export function ForgotPasswordPage() {
  const { t } = useTranslation();
  useDocumentTitle(`${t("people.reset.forgot")} · ${t("app.name")}`);
  const [email, setEmail] = useState("");
  const ask = useMutation({
    mutationFn: () => requestPasswordReset(email.trim(), preferredLanguage()),
  });
  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    ask.mutate();
  };
  const back = (
    <Anchor component={Link} to="/login" size="sm" ta="center">
      {t("people.reset.back")}
    </Anchor>
  );
  if (ask.isSuccess) {
    return (
      <AuthCard
        title={t("people.reset.askedTitle")}
        text={t("people.reset.askedText", { email: email.trim() })}
      >
        {back}
      </AuthCard>
    );
  }
  return (
    <AuthCard title={t("people.reset.forgot")} text={t("people.reset.forgotText")}>
      <form onSubmit={submit}>
        <Stack gap="md">
          {ask.error && <AuthFailure error={ask.error} />}
          <TextInput
            type="email"
            label={t("login.email")}
            autoComplete="username"
            required
            withAsterisk={false}
            autoFocus
            value={email}
            onChange={(event) => setEmail(event.currentTarget.value)}
          />
          <Button type="submit" fullWidth loading={ask.isPending}>
            {t("people.reset.ask")}
          </Button>
          {back}
        </Stack>
      </form>
    </AuthCard>
  );
}
