/** How far the work on a document has come, while there is any. */
import { Progress, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { progressQuery } from "@/api/queries";
import type { Document, Version } from "@/api/types";
import { formatCount } from "@/components/format";

type WorkProgressProps = { document: Document; version: Version };

export function WorkProgress({ document, version }: WorkProgressProps) {
  const { t } = useTranslation();
  const isCurrent = version.id === document.current_version.id;
  const progress = useQuery({
    ...progressQuery(document.id),
    enabled: isCurrent && document.status === "active",
  });
  const stages = progress.data?.stages ?? [];
  return stages.map(({ stage, done, total }) => {
    const label =
      total === null
        ? t(`jobs.stage.${stage}`)
        : t(`jobs.stageOf.${stage}`, { done: formatCount(done), total: formatCount(total) });
    return (
      <div key={stage} role="status">
        <Text size="xs" c="dimmed" mt={4}>
          {label}
        </Text>
        {total !== null && (
          <Progress value={(done / Math.max(total, 1)) * 100} size="xs" mt={2} aria-label={label} />
        )}
      </div>
    );
  });
}
