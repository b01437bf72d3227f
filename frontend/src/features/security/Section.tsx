/** One part of the page: what it is, what one can do, and what there is. */
import { Group, Paper, Text, Title } from "@mantine/core";
import { useId, type ReactNode } from "react";

type SectionProps = { title: string; text: ReactNode; action?: ReactNode; children?: ReactNode };

export function Section({ title, text, action, children }: SectionProps) {
  const id = useId();
  return (
    <Paper component="section" withBorder radius="md" p="md" aria-labelledby={id}>
      <Group justify="space-between" align="flex-start" gap="sm">
        <div style={{ flex: "1 1 14rem" }}>
          <Title order={2} id={id}>
            {title}
          </Title>
          <Text size="sm" c="dimmed">
            {text}
          </Text>
        </div>
        {action}
      </Group>
      {children}
    </Paper>
  );
}
