/** What the organisation takes in: how much, how large, of which types. */
import { Button, Group, NumberInput, Stack, TagsInput, Text } from "@mantine/core";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState, type SubmitEvent } from "react";
import { useTranslation } from "react-i18next";
import { setUploadLimits } from "@/api/calls";
import { queryClient, uploadLimitsQuery } from "@/api/queries";
import type { UploadLimits } from "@/api/types";
import { formatSize } from "@/components/format";
import { notifyDone, notifyError } from "@/components/notify";
import { ErrorState, RowSkeletons } from "@/components/States";
import { Section } from "@/features/security/Section";

const GB = 2 ** 30;

export function UploadLimitsSection() {
  const { t } = useTranslation();
  const limits = useQuery(uploadLimitsQuery);
  return (
    <Section title={t("limits.title")} text={t("limits.text")}>
      {limits.isPending && <RowSkeletons count={2} />}
      {limits.isError && <ErrorState error={limits.error} onRetry={() => void limits.refetch()} />}
      {limits.isSuccess && <LimitsForm limits={limits.data} />}
    </Section>
  );
}

/** Gigabytes in a field; empty where there is no limit. */
const inGigabytes = (bytes: number | null | undefined): number | string =>
  bytes == null ? "" : bytes / GB;
const inBytes = (value: number | string): number | null =>
  typeof value === "number" ? Math.round(value * GB) : null;

function LimitsForm({ limits }: { limits: UploadLimits }) {
  const { t } = useTranslation();
  const [quota, setQuota] = useState(inGigabytes(limits.quota));
  const [largest, setLargest] = useState(inGigabytes(limits.largest));
  const [allowed, setAllowed] = useState(limits.allowed);
  const [refused, setRefused] = useState(limits.refused);
  const save = useMutation({
    mutationFn: setUploadLimits,
    onSuccess: () => notifyDone(t("limits.saved")),
    onError: notifyError,
    onSettled: () => queryClient.invalidateQueries({ queryKey: uploadLimitsQuery.queryKey }),
  });
  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    save.mutate({ quota: inBytes(quota), largest: inBytes(largest), allowed, refused });
  };
  return (
    <form onSubmit={submit}>
      <Stack gap="sm" mt="sm">
        <Text size="sm">{t("limits.used", { size: formatSize(limits.used) })}</Text>
        <Group grow preventGrowOverflow={false} align="flex-start">
          <NumberInput
            label={t("limits.quota")}
            description={t("limits.inGigabytes")}
            min={0}
            value={quota}
            onChange={setQuota}
          />
          <NumberInput
            label={t("limits.largest")}
            description={t("limits.inGigabytes")}
            min={0}
            value={largest}
            onChange={setLargest}
          />
        </Group>
        <TagsInput
          label={t("limits.refused")}
          description={t("limits.types")}
          value={refused}
          onChange={setRefused}
        />
        <TagsInput
          label={t("limits.allowed")}
          description={t("limits.allowedText")}
          value={allowed}
          onChange={setAllowed}
        />
        <Group justify="flex-end">
          <Button type="submit" loading={save.isPending}>
            {t("common.save")}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
