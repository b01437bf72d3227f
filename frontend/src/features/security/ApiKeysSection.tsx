/** API keys of one's own. */
import {
  Alert,
  Button,
  Code,
  CopyButton,
  Group,
  Select,
  Stack,
  Text,
  TextInput,
} from "@mantine/core";
import { modals } from "@mantine/modals";
import { IconApi, IconCheck, IconCopy } from "@tabler/icons-react";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState, type SubmitEvent } from "react";
import { useTranslation } from "react-i18next";
import { createApiKey, revokeApiKey } from "@/api/calls";
import { apiKeysQuery, queryClient } from "@/api/queries";
import type { ApiKey } from "@/api/types";
import { notifyError } from "@/components/notify";
import { ErrorState, RowSkeletons } from "@/components/States";
import { useExplain } from "@/components/useExplain";
import { When } from "@/components/When";
import { i18next } from "@/i18n";
import { Section } from "./Section";
import classes from "./Security.module.css";

const DIALOG = "new-api-key";
const READ_ONLY = ["dms:*:List", "dms:*:Read"];
const DAYS = ["30", "90", "365"];
const UNLIMITED = "unlimited";
const DAY_MS = 86_400_000;
const changed = () => queryClient.invalidateQueries({ queryKey: apiKeysQuery.queryKey });

const isReadOnly = ({ scopes }: ApiKey): boolean =>
  scopes !== null && scopes.join() === READ_ONLY.join();

function openNewApiKey(): void {
  modals.open({
    modalId: DIALOG,
    title: i18next.t("security.newApiKey"),
    closeOnClickOutside: false,
    children: <NewApiKeyForm />,
  });
}

function NewApiKeyForm() {
  const { t } = useTranslation();
  const explain = useExplain();
  const [name, setName] = useState("");
  const [scope, setScope] = useState("read");
  const [days, setDays] = useState("90");
  const creating = useMutation({
    mutationFn: () =>
      createApiKey({
        name,
        scopes: scope === "read" ? READ_ONLY : null,
        expires_at:
          days === UNLIMITED ? null : new Date(Date.now() + Number(days) * DAY_MS).toISOString(),
      }),
    onSuccess: changed,
  });
  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    creating.mutate();
  };
  if (creating.data) return <ShownKey apiKey={creating.data.key} />;
  const failure = creating.error ? explain(creating.error) : null;
  return (
    <form onSubmit={submit}>
      <Stack gap="sm">
        {failure && (
          <Alert color="red" role="alert" title={failure.title}>
            {failure.advice}
          </Alert>
        )}
        <TextInput
          label={t("security.apiKeyName")}
          description={t("security.apiKeyNameHelp")}
          required
          withAsterisk={false}
          data-autofocus
          maxLength={200}
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <Select
          label={t("security.apiKeyScope")}
          allowDeselect={false}
          value={scope}
          onChange={(value) => setScope(value ?? "read")}
          data={[
            { value: "read", label: t("security.apiKeyReadOnly") },
            { value: "everything", label: t("security.apiKeyEverything") },
          ]}
        />
        <Select
          label={t("security.apiKeyExpiry")}
          allowDeselect={false}
          value={days}
          onChange={(value) => setDays(value ?? "90")}
          data={[
            ...DAYS.map((value) => ({
              value,
              label: t("security.days", { count: Number(value) }),
            })),
            { value: UNLIMITED, label: t("security.unlimited") },
          ]}
        />
        <Group justify="flex-end">
          <Button type="submit" loading={creating.isPending}>
            {t("common.create")}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

function ShownKey({ apiKey }: { apiKey: string }) {
  const { t } = useTranslation();
  return (
    <Stack gap="sm">
      <Alert color="yellow">{t("security.apiKeyShown")}</Alert>
      <Code block className={classes.secret ?? ""} style={{ whiteSpace: "pre-wrap" }}>
        {apiKey}
      </Code>
      <Group justify="space-between">
        <CopyButton value={apiKey}>
          {({ copied, copy }) => (
            <Button
              variant="default"
              onClick={copy}
              leftSection={copied ? <IconCheck size={16} /> : <IconCopy size={16} />}
            >
              {copied ? t("common.copied") : t("common.copy")}
            </Button>
          )}
        </CopyButton>
        <Button onClick={() => modals.close(DIALOG)}>{t("common.close")}</Button>
      </Group>
    </Stack>
  );
}

export function ApiKeysSection() {
  const { t } = useTranslation();
  const keys = useQuery(apiKeysQuery);
  return (
    <Section
      title={t("security.apiKeys")}
      text={t("security.apiKeysText")}
      action={<Button onClick={openNewApiKey}>{t("security.newApiKey")}</Button>}
    >
      {keys.isPending && <RowSkeletons count={1} />}
      {keys.isError && <ErrorState error={keys.error} onRetry={() => void keys.refetch()} />}
      {keys.data?.length === 0 && (
        <Text size="sm" mt="xs">
          {t("security.noApiKeys")}
        </Text>
      )}
      {keys.data !== undefined && keys.data.length > 0 && (
        <ul className={classes.list}>
          {keys.data.map((key) => (
            <ApiKeyRow key={key.id} apiKey={key} />
          ))}
        </ul>
      )}
    </Section>
  );
}

function ApiKeyRow({ apiKey }: { apiKey: ApiKey }) {
  const { t } = useTranslation();
  const revoking = useMutation({
    mutationFn: () => revokeApiKey(apiKey.id),
    onError: notifyError,
    onSettled: changed,
  });
  const label = t("security.revokeApiKey", { name: apiKey.name });
  const ask = () =>
    modals.openConfirmModal({
      title: label,
      children: <Text size="sm">{t("security.revokeText")}</Text>,
      labels: { confirm: t("security.revoke"), cancel: t("common.cancel") },
      confirmProps: { color: "red" },
      onConfirm: () => revoking.mutate(),
    });
  const extent =
    apiKey.scopes === null
      ? t("security.apiKeyEverything")
      : t(isReadOnly(apiKey) ? "security.apiKeyReadOnly" : "security.apiKeyLimited");
  return (
    <li className={classes.row}>
      <IconApi size={18} stroke={1.7} aria-hidden />
      <div className={classes.what}>
        <Text size="sm" fw={550} truncate>
          {apiKey.name}
        </Text>
        <Text size="xs" c="dimmed">
          {extent} · {t("security.endsIn", { hint: apiKey.hint })}
          {" · "}
          {apiKey.last_used_at === null ? (
            t("security.neverUsed")
          ) : (
            <>
              {t("security.lastUsed")} <When at={apiKey.last_used_at} />
            </>
          )}
          {apiKey.expires_at !== null && (
            <>
              {" · "}
              {t("security.expires")} <When at={apiKey.expires_at} />
            </>
          )}
        </Text>
      </div>
      <Button
        variant="subtle"
        color="red"
        size="xs"
        aria-label={label}
        onClick={ask}
        loading={revoking.isPending}
      >
        {t("security.revoke")}
      </Button>
    </li>
  );
}
