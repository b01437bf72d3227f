/** How one signs in: password, authenticator app, recovery codes, passkeys, and keys for programs. */
import { Button, Stack } from "@mantine/core";
import { useDocumentTitle } from "@mantine/hooks";
import { modals } from "@mantine/modals";
import { useTranslation } from "react-i18next";
import { PageHead } from "@/components/PageHead";
import { PasswordForm } from "@/features/auth/PasswordForm";
import { i18next } from "@/i18n";
import { ApiKeysSection } from "./ApiKeysSection";
import { AuthenticatorSection } from "./AuthenticatorSection";
import { PasskeysSection } from "./PasskeysSection";
import { ProvidersSection } from "./ProvidersSection";
import { Section } from "./Section";
import classes from "./Security.module.css";

const openPassword = () =>
  modals.open({
    modalId: "password",
    title: i18next.t("account.changePassword"),
    children: <PasswordForm onDone={() => modals.close("password")} />,
  });

export function SecurityPage() {
  const { t } = useTranslation();
  useDocumentTitle(`${t("security.title")} · ${t("app.name")}`);
  return (
    <>
      <PageHead title={t("security.title")} />
      <div className={classes.page}>
        <Stack className={classes.sections ?? ""} gap="md">
          <Section
            title={t("security.password")}
            text={t("security.passwordText")}
            action={
              <Button variant="default" onClick={openPassword}>
                {t("account.changePassword")}
              </Button>
            }
          />
          <AuthenticatorSection />
          <PasskeysSection />
          <ProvidersSection />
          <ApiKeysSection />
        </Stack>
      </div>
    </>
  );
}
