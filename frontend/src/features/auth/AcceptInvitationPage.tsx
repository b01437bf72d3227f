/** Accept an invitation: with a new account or, for who has one, after signing in with it. */
import {
  Anchor,
  Button,
  Center,
  Loader,
  PasswordInput,
  Stack,
  Text,
  TextInput,
} from "@mantine/core";
import { useDocumentTitle } from "@mantine/hooks";
import { useMutation, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useRouterState } from "@tanstack/react-router";
import { useState, type SubmitEvent } from "react";
import { useTranslation } from "react-i18next";
import { acceptInvitationAsMe, openInvitation } from "@/api/calls";
import { session } from "@/api/session";
import { AuthCard, AuthFailure } from "./AuthCard";
import { agree, NewPasswordFields, NOTHING_TYPED } from "./NewPasswordFields";
import { NextStep } from "./NextStep";
import { nextStep } from "./steps";

/** Kept while one signs in: it must not travel in an address that a server gets to see. */
let remembered = "";

/** A fresh page: nothing of another organisation is shown or cached any more. */
const goIn = () => location.assign("/");

export function AcceptInvitationPage() {
  const { t } = useTranslation();
  useDocumentTitle(`${t("people.accept.documentTitle")} · ${t("app.name")}`);
  const hash = useRouterState({ select: (state) => state.location.hash });
  const token = hash || remembered;
  const opened = useQuery({
    queryKey: ["invitation", token],
    queryFn: () => openInvitation(token),
    retry: false,
    staleTime: Infinity,
  });
  if (opened.isPending) {
    return (
      <AuthCard title={t("people.accept.documentTitle")}>
        <Center>
          <Loader />
        </Center>
      </AuthCard>
    );
  }
  if (opened.isError) {
    return (
      <AuthCard title={t("people.accept.documentTitle")}>
        <AuthFailure error={opened.error} />
      </AuthCard>
    );
  }
  const { organisation, email, invited_by, has_account } = opened.data;
  return (
    <AuthCard title={organisation.name} text={t("people.accept.text", { name: invited_by, email })}>
      {has_account ? (
        <JoinWithAccount token={token} organisation={organisation.name} email={email} />
      ) : (
        <NewAccount token={token} email={email} />
      )}
    </AuthCard>
  );
}

function NewAccount({ token, email }: { token: string; email: string }) {
  const { t } = useTranslation();
  const [name, setName] = useState("");
  const [typed, setTyped] = useState(NOTHING_TYPED);
  const accept = useMutation({
    mutationFn: () => session.acceptInvitation(token, name.trim(), typed.password),
    onSuccess: goIn,
  });
  const navigate = useNavigate();
  const next = nextStep(accept.error);
  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    if (agree(typed)) accept.mutate();
  };
  if (next !== null) {
    // The account is there by now: to start again is to sign in.
    return <NextStep step={next} onDone={goIn} onBack={() => void navigate({ to: "/login" })} />;
  }
  return (
    <form onSubmit={submit}>
      <Stack gap="md">
        {accept.error && <AuthFailure error={accept.error} />}
        <TextInput
          label={t("login.email")}
          autoComplete="username"
          readOnly
          variant="filled"
          value={email}
        />
        <TextInput
          label={t("people.accept.name")}
          autoComplete="name"
          required
          withAsterisk={false}
          autoFocus
          maxLength={200}
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <NewPasswordFields value={typed} onChange={setTyped} />
        <Button type="submit" fullWidth loading={accept.isPending} disabled={!agree(typed)}>
          {t("people.accept.submit")}
        </Button>
      </Stack>
    </form>
  );
}

type JoinByPasswordProps = { token: string; email: string };

/** The account may be active nowhere, so that signing in with it first would not do. */
function JoinByPassword({ token, email }: JoinByPasswordProps) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const [password, setPassword] = useState("");
  const join = useMutation({
    mutationFn: () => session.joinByInvitation(token, password),
    onSuccess: goIn,
  });
  const next = nextStep(join.error);
  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    join.mutate();
  };
  const signInFirst = () => {
    remembered = token;
    void navigate({ to: "/login", search: { redirect: "/accept-invitation" } });
  };
  if (next !== null) {
    // Joined by now: to start again is to sign in.
    return <NextStep step={next} onDone={goIn} onBack={() => void navigate({ to: "/login" })} />;
  }
  return (
    <form onSubmit={submit}>
      <Stack gap="md">
        {join.error && <AuthFailure error={join.error} />}
        <Text size="sm">{t("people.accept.withPassword")}</Text>
        <TextInput
          label={t("login.email")}
          autoComplete="username"
          readOnly
          variant="filled"
          value={email}
        />
        <PasswordInput
          label={t("login.password")}
          autoComplete="current-password"
          required
          withAsterisk={false}
          autoFocus
          visibilityToggleButtonProps={{ "aria-label": t("login.showPassword") }}
          value={password}
          onChange={(event) => setPassword(event.currentTarget.value)}
        />
        <Button type="submit" fullWidth loading={join.isPending}>
          {t("people.accept.submit")}
        </Button>
        <Anchor component={Link} to="/forgot-password" size="sm" ta="center">
          {t("people.reset.forgotLink")}
        </Anchor>
        <Button variant="subtle" fullWidth onClick={signInFirst}>
          {t("people.accept.anotherWay")}
        </Button>
      </Stack>
    </form>
  );
}

type JoinWithAccountProps = { token: string; organisation: string; email: string };

function JoinWithAccount({ token, organisation, email }: JoinWithAccountProps) {
  const { t } = useTranslation();
  const join = useMutation({
    mutationFn: async () => {
      const joined = await acceptInvitationAsMe(token);
      await session.switchTo(joined.id);
    },
    onSuccess: goIn,
  });
  const other = useMutation({ mutationFn: () => session.signOut() });
  const next = nextStep(join.error);
  if (next !== null) {
    // Joined by now; the organisation is in the menu of the account.
    return <NextStep step={next} onDone={goIn} onBack={goIn} />;
  }
  if (session.state !== "signed_in") return <JoinByPassword token={token} email={email} />;
  return (
    <Stack gap="md">
      {join.error && <AuthFailure error={join.error} />}
      <Button fullWidth loading={join.isPending} onClick={() => join.mutate()}>
        {t("people.accept.join", { organisation })}
      </Button>
      {join.error && (
        <Button variant="default" fullWidth onClick={() => other.mutate()}>
          {t("people.accept.otherAccount")}
        </Button>
      )}
    </Stack>
  );
}
