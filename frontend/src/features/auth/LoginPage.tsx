/** Sign in. */
import {
  Alert,
  Anchor,
  Button,
  Paper,
  PasswordInput,
  Stack,
  Text,
  TextInput,
  Title,
} from "@mantine/core";
import { useDocumentTitle } from "@mantine/hooks";
import { IconAlertCircle } from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";
import { getRouteApi, Link, useRouter } from "@tanstack/react-router";
import { useRef, type SubmitEvent } from "react";
import { useTranslation } from "react-i18next";
import { queryClient } from "@/api/queries";
import { session } from "@/api/session";
import { Logo } from "@/app/Logo";
import { useExplain } from "@/components/useExplain";
import { uploads } from "@/features/uploads/uploads";
import classes from "./LoginPage.module.css";

const route = getRouteApi("/login");
let lastEmail: string | null = null;

export function LoginPage() {
  const { t } = useTranslation();
  useDocumentTitle(t("login.documentTitle"));
  const explain = useExplain();
  const router = useRouter();
  const { redirect } = route.useSearch();
  const password = useRef<HTMLInputElement>(null);

  const signIn = useMutation({
    mutationFn: (given: { email: string; password: string }) =>
      session.signIn(given.email, given.password),
    onSuccess: (_answer, { email }) => {
      // What the last person queued and saw is not the next one's.
      if (lastEmail !== null && lastEmail !== email) uploads.reset();
      lastEmail = email;
      queryClient.clear();
      router.history.replace(redirect ?? "/");
    },
    onError: () => password.current?.select(),
  });

  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const field = (name: string) => {
      const value = form.get(name);
      return typeof value === "string" ? value : "";
    };
    signIn.mutate({ email: field("email").trim(), password: field("password") });
  };

  const failure = signIn.error ? explain(signIn.error) : null;
  return (
    <main className={classes.page}>
      <Paper className={classes.card} withBorder radius="lg" shadow="sm">
        <form onSubmit={submit}>
          <Stack gap="md">
            <Stack gap={10} align="center" mb={4}>
              <Logo size={44} />
              <Title order={1}>{t("login.title")}</Title>
              <Text size="sm" c="dimmed" ta="center">
                {t("login.subtitle")}
              </Text>
            </Stack>
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
          </Stack>
        </form>
      </Paper>
    </main>
  );
}
