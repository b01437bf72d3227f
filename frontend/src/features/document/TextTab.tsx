/** The text that was read out of the document: what search sees, with the words looked for marked. */
import { Badge, CopyButton, Button, Group, Skeleton, Stack, Text } from "@mantine/core";
import { IconCheck, IconCopy, IconTextScan2 } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { isProblem } from "@/api/problem";
import { textQuery } from "@/api/queries";
import type { Document, Version } from "@/api/types";
import { ErrorState, Message } from "@/components/States";
import { MarkedText } from "@/features/search/MarkedText";
import classes from "./DocumentPage.module.css";

type TextTabProps = { document: Document; version: Version; query: string | undefined };

/** More than this makes the page slow to lay out; the whole is in the download. */
const SHOWN = 200_000;

export function TextTab({ document, version, query }: TextTabProps) {
  const { t } = useTranslation();
  const indexed = version.index_status === "indexed";
  const text = useQuery({ ...textQuery(document.id, version.number), enabled: indexed });
  if (!indexed || (text.error && isProblem(text.error, "no_text"))) {
    return (
      <Message
        icon={IconTextScan2}
        title={t(`index.${version.index_status}`)}
        text={version.index_detail ?? t(`textTab.${indexed ? "no_text" : version.index_status}`)}
      />
    );
  }
  if (text.isError) return <ErrorState error={text.error} onRetry={() => void text.refetch()} />;
  if (text.isPending) {
    return (
      <Stack gap={10} role="status" aria-label={t("common.loading")}>
        {[96, 88, 92, 70, 94, 60].map((width) => (
          <Skeleton key={width} height={10} width={`${width}%`} />
        ))}
      </Stack>
    );
  }
  const { data } = text;
  return (
    <Stack gap="sm">
      <Group gap={6}>
        {data.engine && <Badge color="gray">{data.engine}</Badge>}
        {data.language && <Badge color="gray">{data.language}</Badge>}
        <CopyButton value={data.text}>
          {({ copied, copy }) => (
            <Button
              variant="subtle"
              size="compact-xs"
              ml="auto"
              leftSection={copied ? <IconCheck size={14} /> : <IconCopy size={14} />}
              onClick={copy}
            >
              {copied ? t("common.copied") : t("textTab.copy")}
            </Button>
          )}
        </CopyButton>
      </Group>
      <pre className={classes.text}>
        <MarkedText text={data.text.slice(0, SHOWN)} query={query} />
      </pre>
      {(data.truncated || data.text.length > SHOWN) && (
        <Text size="xs" c="dimmed">
          {t("textTab.truncated")}
        </Text>
      )}
    </Stack>
  );
}
