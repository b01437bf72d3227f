/** API keys of one's own. */
import { Button, Text } from "@mantine/core";
import { modals } from "@mantine/modals";
import { IconApi } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { createApiKey, revokeApiKey } from "@/api/calls";
import { apiKeysQuery, queryClient } from "@/api/queries";
import type { ApiKey } from "@/api/types";
import { ErrorState, RowSkeletons } from "@/components/States";
import { i18next } from "@/i18n";
import { KeyFacts, NewKey, RevokeKey } from "./keys";
import { Section } from "./Section";
import classes from "./Security.module.css";

const DIALOG = "new-api-key";
const changed = () => queryClient.invalidateQueries({ queryKey: apiKeysQuery.queryKey });

function openNewApiKey(): void {
  modals.open({
    modalId: DIALOG,
    title: i18next.t("security.newApiKey"),
    closeOnClickOutside: false,
    children: (
      <NewKey
        create={createApiKey}
        onCreated={() => void changed()}
        onClose={() => modals.close(DIALOG)}
      />
    ),
  });
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
  return (
    <li className={classes.row}>
      <IconApi size={18} stroke={1.7} aria-hidden />
      <div className={classes.what}>
        <Text size="sm" fw={550} truncate>
          {apiKey.name}
        </Text>
        <Text size="xs" c="dimmed">
          <KeyFacts apiKey={apiKey} />
        </Text>
      </div>
      <RevokeKey apiKey={apiKey} revoke={revokeApiKey} onSettled={() => void changed()} />
    </li>
  );
}
