/** Sign in. */
import {
  Alert,
  Anchor,
  Button,
  Divider,
  Paper,
  PasswordInput,
  Stack,
  Text,
  TextInput,
  Title,
} from "@mantine/core";
import { useDocumentTitle } from "@mantine/hooks";
import { IconAlertCircle, IconFingerprint, IconLogin2 } from "@tabler/icons-react";
import { useMutation, useQuery } from "@tanstack/react-query";
import { getRouteApi, Link, useRouter } from "@tanstack/react-router";
import { useRef, useState, type SubmitEvent } from "react";
import { useTranslation } from "react-i18next";
import { passkeysAreSupported } from "@/api/passkeys";
import { ApiProblem } from "@/api/problem";
import { providersQuery, queryClient } from "@/api/queries";
import { session } from "@/api/session";
import { Logo } from "@/app/Logo";
import { useExplain } from "@/components/useExplain";
import { uploads } from "@/features/uploads/uploads";
import classes from "./LoginPage.module.css";
import { NextStep } from "./NextStep";
import { nextStep, signInWithPasskey, type Next } from "./steps";

const route = getRouteApi("/login");
let lastEmail: string | null = null;

export function LoginPage() {
  const { t } = useTranslation();
  useDocumentTitle(t("login.documentTitle"));
  const router = useRouter();
  const { redirect, problem } = route.useSearch();
  const [next, setNext] = useState<Next | null>(null);
  const email = useRef<string | null>(null);

  const done = () => {
    // What the last person queued and saw is not the next one's. A passkey does not say whose it is.
    if (email.current === null || (lastEmail !== null && lastEmail !== email.current)) {
      uploads.reset();
    }
    lastEmail = email.current;
    queryClient.clear();
    router.history.replace(redirect ?? "/");
  };
  const back = () => setNext(null);

  return (
    <main className={classes.page}>
      <Paper className={classes.card} withBorder radius="lg" shadow="sm">
        <Stack gap="md">
          <Stack gap={10} align="center" mb={4}>
            <Logo size={44} />
            <Title order={1}>{t("login.title")}</Title>
            <Text size="sm" c="dimmed" ta="center">
              {t("login.subtitle")}
            </Text>
          </Stack>
          {next === null && (
            <FirstStep
              onDone={done}
              onEmail={(given) => {
                email.current = given;
              }}
              onNext={setNext}
              // What became of a sign-in by a provider, which led back here.
              problem={problem === undefined ? null : new ApiProblem(0, { code: problem })}
              redirect={redirect ?? "/"}
            />
          )}
          {next !== null && <NextStep step={next} onDone={done} onBack={back} />}
        </Stack>
      </Paper>
    </main>
  );
}

type FirstStepProps = {
  onDone: () => void;
  onEmail: (email: string | null) => void;
  onNext: (next: Next) => void;
  problem: ApiProblem | null;
  redirect: string;
};

function FirstStep({ onDone, onEmail, onNext, problem, redirect }: FirstStepProps) {
  const { t } = useTranslation();
  const explain = useExplain();
  const password = useRef<HTMLInputElement>(null);

  const signIn = useMutation({
    mutationFn: async (given: { email: string; password: string }) => {
      onEmail(given.email);
      try {
        await session.signIn(given.email, given.password);
        return null;
      } catch (error) {
        const next = nextStep(error);
        if (next === null) throw error;
        return next;
      }
    },
    onSuccess: (next) => (next === null ? onDone() : onNext(next)),
    onError: () => password.current?.select(),
  });
  const byPasskey = useMutation({
    mutationFn: () => {
      onEmail(null);
      return signInWithPasskey(null);
    },
    onSuccess: onDone,
  });

  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const field = (name: string) => {
      const value = form.get(name);
      return typeof value === "string" ? value : "";
    };
    byPasskey.reset();
    signIn.mutate({ email: field("email").trim(), password: field("password") });
  };

  const tried = !signIn.isIdle || !byPasskey.isIdle;
  const error = signIn.error ?? byPasskey.error ?? (tried ? null : problem);
  const failure = error ? explain(error) : null;
  return (
    <form onSubmit={submit}>
      <Stack gap="md">
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
        <TextInput
          name="email"
          type="email"
          label={t("login.email")}
          autoComplete="username"
          required
          withAsterisk={false}
          autoFocus
          size="sm"
        />
        <PasswordInput
          ref={password}
          name="password"
          label={t("login.password")}
          autoComplete="current-password"
          required
          withAsterisk={false}
          size="sm"
          visibilityToggleButtonProps={{ "aria-label": t("login.showPassword") }}
        />
        <Button type="submit" size="sm" fullWidth loading={signIn.isPending} mt={4}>
          {t("login.submit")}
        </Button>
        <Anchor component={Link} to="/forgot-password" size="sm" ta="center">
          {t("people.reset.forgotLink")}
        </Anchor>
        <OtherWays
          redirect={redirect}
          pending={byPasskey.isPending}
          onPasskey={() => {
            signIn.reset();
            byPasskey.mutate();
          }}
        />
      </Stack>
    </form>
  );
}

type OtherWaysProps = { redirect: string; pending: boolean; onPasskey: () => void };

function OtherWays({ redirect, pending, onPasskey }: OtherWaysProps) {
  const { t } = useTranslation();
  const providers = useQuery(providersQuery).data ?? [];
  const passkeys = passkeysAreSupported();
  if (!passkeys && providers.length === 0) return null;
  const query = new URLSearchParams({ redirect });
  return (
    <>
      <Divider label={t("login.or")} />
      {passkeys && (
        <Button
          variant="default"
          size="sm"
          fullWidth
          leftSection={<IconFingerprint size={18} />}
          onClick={onPasskey}
          loading={pending}
        >
          {t("login.passkey")}
        </Button>
      )}
      {providers.map(({ id, name }) => (
        <Button
          key={id}
          component="a"
          href={`/api/v1/auth/oidc/${id}?${query}`}
          variant="default"
          size="sm"
          fullWidth
          leftSection={<IconLogin2 size={18} />}
        >
          {t("login.provider", { name })}
        </Button>
      ))}
    </>
  );
}
