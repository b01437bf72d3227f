/** What a file says about itself: claims of its author, or of the device that made it. */
import { Skeleton, Stack, Text, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { metadataQuery } from "@/api/queries";
import type { Document, Version } from "@/api/types";
import { ErrorState } from "@/components/States";
import { linesOf } from "./aboutFile";
import classes from "./DocumentPage.module.css";

export function AboutFile({ document, version }: { document: Document; version: Version }) {
  const { t } = useTranslation();
  const metadata = useQuery(metadataQuery(document.id, version.number));
  if (metadata.isError) return <ErrorState error={metadata.error} />;
  if (metadata.isPending) return <Skeleton height={60} />;
  const lines = linesOf(metadata.data);
  if (lines.length === 0) return null;
  return (
    <Stack gap={8} component="section" aria-labelledby="about-file">
      <Title order={2} fz="sm" id="about-file">
        {t("aboutFile.title")}
      </Title>
      <Text size="xs" c="dimmed">
        {t("aboutFile.hint")}
      </Text>
      <dl className={classes.facts}>
        {lines.map(({ name, value }) => (
          <div key={typeof name === "string" ? name : `own:${name.own}`} className={classes.fact}>
            <dt>{typeof name === "string" ? t(`aboutFile.name.${name}`) : name.own}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </Stack>
  );
}
