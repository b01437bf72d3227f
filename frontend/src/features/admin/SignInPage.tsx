/** How people and programs of the organisation sign in: what is asked of them, all API keys, service accounts. */
import { SegmentedControl } from "@mantine/core";
import { useDocumentTitle } from "@mantine/hooks";
import { IconLock } from "@tabler/icons-react";
import { getRouteApi } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { SIGN_IN_VIEWS, type SignInView } from "@/app/search-params";
import { useMe } from "@/app/useMe";
import { PageHead } from "@/components/PageHead";
import { Message } from "@/components/States";
import { AllApiKeys } from "./AllApiKeys";
import { NewServiceAccountButton, ServiceAccounts } from "./ServiceAccounts";
import { SignInPolicyView } from "./SignInPolicy";
import classes from "./UsersPage.module.css";

const route = getRouteApi("/app/sign-in");

export function SignInPage() {
  const { t } = useTranslation();
  useDocumentTitle(`${t("signIn.title")} · ${t("app.name")}`);
  const { isAdministrator } = useMe();
  if (!isAdministrator) {
    return (
      <Message icon={IconLock} title={t("users.forbiddenTitle")} text={t("signIn.forbidden")} />
    );
  }
  return <SignIn />;
}

function SignIn() {
  const { t } = useTranslation();
  const { show = "policy" } = route.useSearch();
  const navigate = route.useNavigate();
  const choose = (value: string) => {
    const view: SignInView = SIGN_IN_VIEWS.find((one) => one === value) ?? "policy";
    void navigate({ search: view === "policy" ? {} : { show: view } });
  };
  return (
    <>
      <PageHead title={t("signIn.title")}>
        {show === "accounts" && <NewServiceAccountButton />}
      </PageHead>
      <SegmentedControl
        mx="md"
        my="xs"
        className={classes.choice ?? ""}
        aria-label={t("signIn.choose")}
        data={SIGN_IN_VIEWS.map((value) => ({ value, label: t(`signIn.views.${value}`) }))}
        value={show}
        onChange={choose}
      />
      {show === "policy" && <SignInPolicyView />}
      {show === "keys" && <AllApiKeys />}
      {show === "accounts" && <ServiceAccounts />}
    </>
  );
}
