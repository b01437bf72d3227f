/** Accounts elsewhere that one may sign in with here. */
import { Button, Group } from "@mantine/core";
import { IconLink } from "@tabler/icons-react";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { linkProvider } from "@/api/calls";
import { providersQuery } from "@/api/queries";
import { notifyError } from "@/components/notify";
import { Section } from "./Section";

export function ProvidersSection() {
  const { t } = useTranslation();
  const providers = useQuery(providersQuery).data ?? [];
  const link = useMutation({
    mutationFn: linkProvider,
    onSuccess: ({ url }) => location.assign(url),
    onError: notifyError,
  });
  if (providers.length === 0) return null;
  return (
    <Section title={t("security.providers")} text={t("security.providersText")}>
      <Group mt="sm" gap="xs">
        {providers.map(({ id, name }) => (
          <Button
            key={id}
            variant="default"
            leftSection={<IconLink size={16} />}
            onClick={() => link.mutate(id)}
            loading={link.isPending && link.variables === id}
          >
            {t("security.link", { name })}
          </Button>
        ))}
      </Group>
    </Section>
  );
}
