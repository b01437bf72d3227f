/** Who may do what in a folder: those who may manage its access grant roles here, to people and to groups. */
import { ActionIcon, Button, Group, Select, Skeleton, Stack, Text, Tooltip } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { IconUserMinus } from "@tabler/icons-react";
import { keepPreviousData, useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { grantRole, revokeGrant } from "@/api/calls";
import { grantsQuery, principalsQuery, queryClient } from "@/api/queries";
import type { Grant, GrantRole } from "@/api/types";
import { notifyError } from "@/components/notify";
import { PersonAvatar } from "@/components/PersonAvatar";
import { ErrorState } from "@/components/States";

const ROLES: readonly GrantRole[] = ["reader", "contributor", "editor", "manager"];

const asRole = (value: string | null): GrantRole =>
  ROLES.find((role) => role === value) ?? "reader";

export function MembersForm({ folderId }: { folderId: number }) {
  const { t } = useTranslation();
  const grants = useQuery(grantsQuery(folderId));
  const [typed, setTyped] = useState("");
  const [sought] = useDebouncedValue(typed, 200);
  const found = useQuery({ ...principalsQuery(sought), placeholderData: keepPreviousData });
  const [principal, setPrincipal] = useState<string | null>(null);
  const [role, setRole] = useState<GrantRole>("reader");
  const changed = () => queryClient.invalidateQueries(grantsQuery(folderId));
  const give = useMutation({
    mutationFn: (given: { principal: string; role: GrantRole }) =>
      grantRole(folderId, given.principal, given.role),
    onSuccess: () => setPrincipal(null),
    onError: notifyError,
    onSettled: changed,
  });
  const revoke = useMutation({
    mutationFn: (grantId: number) => revokeGrant(folderId, grantId),
    onError: notifyError,
    onSettled: changed,
  });

  if (grants.isError) return <ErrorState error={grants.error} />;
  const own = grants.data?.filter((grant) => !grant.inherited && grant.effect === "allow");
  const taken = new Set(own?.map((grant) => grant.principal.principal));
  const candidates = (found.data ?? []).filter((one) => !taken.has(one.principal));
  const roles = ROLES.map((one) => ({ value: one, label: t(`members.${one}`) }));
  const says = (grant: Grant): string => {
    const what = grant.role === null ? t("members.actions") : t(`members.${grant.role}`);
    return grant.effect === "deny" ? t("members.denied", { what }) : what;
  };

  return (
    <Stack gap="md">
      <Text size="sm" c="dimmed">
        {t("members.explained")}
      </Text>
      <Group align="flex-end" gap="xs">
        <Select
          label={t("members.person")}
          placeholder={t("members.choose")}
          searchable
          style={{ flex: 1, minWidth: 160 }}
          nothingFoundMessage={t("members.nobody")}
          // The service searches; what it found is all shown.
          filter={({ options }) => options}
          onSearchChange={setTyped}
          data={candidates.map((one) => ({
            value: one.principal,
            label: `${one.name} (${one.email ?? t("members.group")})`,
          }))}
          value={principal}
          onChange={setPrincipal}
        />
        <Select
          label={t("members.role")}
          w={160}
          allowDeselect={false}
          data={roles}
          value={role}
          onChange={(value) => setRole(asRole(value))}
        />
        <Button
          size="sm"
          disabled={principal === null}
          loading={give.isPending}
          onClick={() => principal !== null && give.mutate({ principal, role })}
        >
          {t("members.add")}
        </Button>
      </Group>
      {grants.isPending && <Skeleton height={36} />}
      {grants.data?.length === 0 && (
        <Text size="sm" c="dimmed" ta="center" py="sm">
          {t("members.none")}
        </Text>
      )}
      {grants.data?.map((grant) => (
        <Group key={grant.id} gap="sm" wrap="nowrap">
          <PersonAvatar size={30} name={grant.principal.name} />
          <div style={{ flex: 1, minWidth: 0 }}>
            <Text size="sm" truncate>
              {grant.principal.name}
            </Text>
            <Text size="xs" c="dimmed" truncate>
              {grant.inherited
                ? t("members.inherited", { name: grant.resource_name })
                : (grant.principal.email ?? t("members.group"))}
            </Text>
          </div>
          {grant.inherited || grant.effect === "deny" || grant.role === null ? (
            <Text size="xs" c="dimmed">
              {says(grant)}
            </Text>
          ) : (
            <Select
              aria-label={t("members.roleOf", { name: grant.principal.name })}
              size="xs"
              w={150}
              allowDeselect={false}
              data={roles}
              value={grant.role}
              onChange={(value) =>
                give.mutate({ principal: grant.principal.principal, role: asRole(value) })
              }
            />
          )}
          {!grant.inherited && (
            <Tooltip label={t("members.remove")}>
              <ActionIcon
                variant="subtle"
                color="red"
                aria-label={t("members.removeOf", { name: grant.principal.name })}
                onClick={() => revoke.mutate(grant.id)}
              >
                <IconUserMinus size={16} />
              </ActionIcon>
            </Tooltip>
          )}
        </Group>
      ))}
    </Stack>
  );
}
