/** Set a new password with the link from a mail. What opens it stands behind #, which no server sees. */
import { Anchor, Button, Stack } from "@mantine/core";
import { useDocumentTitle } from "@mantine/hooks";
import { useMutation } from "@tanstack/react-query";
import { Link, useRouterState } from "@tanstack/react-router";
import { useState, type SubmitEvent } from "react";
import { useTranslation } from "react-i18next";
import { redeemPasswordReset } from "@/api/calls";
import { AuthCard, AuthFailure } from "./AuthCard";
import { agree, NewPasswordFields, NOTHING_TYPED } from "./NewPasswordFields";

export function ResetPasswordPage() {
  const { t } = useTranslation();
  useDocumentTitle(`${t("people.reset.title")} · ${t("app.name")}`);
  const token = useRouterState({ select: (state) => state.location.hash });
  const [typed, setTyped] = useState(NOTHING_TYPED);
  const redeem = useMutation({ mutationFn: () => redeemPasswordReset(token, typed.password) });
  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    if (agree(typed)) redeem.mutate();
  };
  if (redeem.isSuccess) {
    return (
      <AuthCard title={t("people.reset.doneTitle")} text={t("people.reset.doneText")}>
        <Button component={Link} to="/login" fullWidth>
          {t("login.submit")}
        </Button>
      </AuthCard>
    );
  }
  return (
    <AuthCard title={t("people.reset.title")} text={t("people.reset.text")}>
      <form onSubmit={submit}>
        <Stack gap="md">
          {redeem.error && <AuthFailure error={redeem.error} />}
          <NewPasswordFields value={typed} onChange={setTyped} />
          <Button type="submit" fullWidth loading={redeem.isPending} disabled={!agree(typed)}>
            {t("people.reset.submit")}
          </Button>
          <Anchor component={Link} to="/forgot-password" size="sm" ta="center">
            {t("people.reset.another")}
          </Anchor>
        </Stack>
      </form>
    </AuthCard>
  );
}
