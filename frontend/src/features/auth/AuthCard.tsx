/** The frame of the pages one sees before signing in. */
import { Alert, Paper, Stack, Text, Title } from "@mantine/core";
import { IconAlertCircle } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { Logo } from "@/app/Logo";
import { useExplain } from "@/components/useExplain";
import classes from "./LoginPage.module.css";

type AuthCardProps = { title: string; text?: ReactNode; children?: ReactNode };

export function AuthCard({ title, text, children }: AuthCardProps) {
  return (
    <main className={classes.page}>
      <Paper className={classes.card} withBorder radius="lg" shadow="sm">
        <Stack gap="md">
          <Stack gap={10} align="center" mb={4}>
            <Logo size={44} />
            <Title order={1} ta="center" style={{ overflowWrap: "anywhere" }}>
              {title}
            </Title>
            {text !== undefined && (
              <Text size="sm" c="dimmed" ta="center" style={{ overflowWrap: "anywhere" }}>
                {text}
              </Text>
            )}
          </Stack>
          {children}
        </Stack>
      </Paper>
    </main>
  );
}

export function AuthFailure({ error }: { error: unknown }) {
  const { title, advice } = useExplain()(error);
  return (
    <Alert color="red" role="alert" icon={<IconAlertCircle size={18} />} title={title}>
      {advice}
    </Alert>
  );
}
