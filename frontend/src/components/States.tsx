/** The states every screen has besides its content: loading, empty, failed, not allowed. */
import { Button, Center, Skeleton, Stack, Text, ThemeIcon, Title } from "@mantine/core";
import { IconCloudOff, IconError404, IconLock, IconMoodSad, type Icon } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { ApiProblem, NetworkProblem } from "@/api/problem";
import { useExplain } from "./useExplain";

type MessageProps = {
  icon: Icon;
  title: string;
  text?: ReactNode;
  children?: ReactNode;
  color?: string;
};

/** A calm message in the middle of where content would be. */
export function Message({ icon: Glyph, title, text, children, color = "gray" }: MessageProps) {
  return (
    <Center p="xl" style={{ flex: 1, minHeight: 220 }}>
      <Stack align="center" gap={6} maw={440} ta="center">
        <ThemeIcon variant="light" color={color} size={52} radius="xl" mb={6} aria-hidden>
          <Glyph size={26} stroke={1.5} />
        </ThemeIcon>
        <Title order={2}>{title}</Title>
        {text !== undefined && (
          <Text size="sm" c="dimmed" style={{ textWrap: "balance" }}>
            {text}
          </Text>
        )}
        {children !== undefined && <div style={{ marginTop: 12 }}>{children}</div>}
      </Stack>
    </Center>
  );
}

function iconFor(error: unknown): Icon {
  if (error instanceof NetworkProblem) return IconCloudOff;
  if (error instanceof ApiProblem && error.status === 404) return IconError404;
  if (error instanceof ApiProblem && error.status === 403) return IconLock;
  return IconMoodSad;
}

type ErrorStateProps = { error: unknown; onRetry?: () => void };

/** What happened, and what to do about it. */
export function ErrorState({ error, onRetry }: ErrorStateProps) {
  const { t } = useTranslation();
  const { title, advice } = useExplain()(error);
  return (
    <div role="alert" style={{ display: "flex", flex: 1 }}>
      <Message icon={iconFor(error)} title={title} text={advice} color="red">
        {onRetry && (
          <Button variant="default" onClick={onRetry}>
            {t("common.tryAgain")}
          </Button>
        )}
      </Message>
    </div>
  );
}

/** Rows the height of list rows, so that nothing jumps when the content comes. */
export function RowSkeletons({ count = 12 }: { count?: number }) {
  const { t } = useTranslation();
  return (
    <Stack gap={0} px="md" role="status" aria-label={t("common.loading")}>
      {Array.from({ length: count }, (_, index) => (
        <div
          key={index}
          style={{ height: "var(--app-row)", display: "flex", alignItems: "center", gap: 12 }}
        >
          <Skeleton height={16} width={16} radius="sm" />
          <Skeleton height={10} width={`${28 + ((index * 37) % 30)}%`} />
          <Skeleton height={10} width="8%" ml="auto" visibleFrom="sm" />
          <Skeleton height={10} width="6%" visibleFrom="sm" />
        </div>
      ))}
    </Stack>
  );
}
