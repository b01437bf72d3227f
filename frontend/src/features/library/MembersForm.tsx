/** Who may see and change a cabinet: administrators share it here. */
import { ActionIcon, Button, Group, Select, Skeleton, Stack, Text, Tooltip } from "@mantine/core";
import { IconUserMinus } from "@tabler/icons-react";
import { useInfiniteQuery, useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { removeMember, setMember } from "@/api/calls";
import { membersQuery, queryClient, usersQuery } from "@/api/queries";
import type { MemberRole } from "@/api/types";
import { notifyError } from "@/components/notify";
import { PersonAvatar } from "@/components/PersonAvatar";
import { ErrorState } from "@/components/States";

const ROLES: readonly MemberRole[] = ["reader", "editor"];

const asRole = (value: string | null): MemberRole => (value === "editor" ? "editor" : "reader");

export function MembersForm({ folderId }: { folderId: number }) {
  const { t } = useTranslation();
  const members = useQuery(membersQuery(folderId));
  const users = useInfiniteQuery(usersQuery);
  const [person, setPerson] = useState<string | null>(null);
  const [role, setRole] = useState<MemberRole>("reader");
  const changed = () => queryClient.invalidateQueries(membersQuery(folderId));
  const set = useMutation({
    mutationFn: (given: { userId: number; role: MemberRole }) =>
      setMember(folderId, given.userId, given.role),
    onSuccess: () => setPerson(null),
    onError: notifyError,
    onSettled: changed,
  });
  const remove = useMutation({
    mutationFn: (userId: number) => removeMember(folderId, userId),
    onError: notifyError,
    onSettled: changed,
  });

  if (members.isError) return <ErrorState error={members.error} />;
  const taken = new Set(members.data?.map((member) => member.user.id));
  const candidates = (users.data?.pages.flatMap((page) => page.items) ?? []).filter(
    (user) => user.is_active && user.role === "member" && !taken.has(user.id),
  );
  const roles = ROLES.map((one) => ({ value: one, label: t(`members.${one}`) }));

  return (
    <Stack gap="md">
      <Text size="sm" c="dimmed">
        {t("members.explained")}
      </Text>
      <Group align="flex-end" gap="xs" wrap="nowrap">
        <Select
          label={t("members.person")}
          placeholder={t("members.choose")}
          searchable
          style={{ flex: 1 }}
          nothingFoundMessage={t("members.nobody")}
          data={candidates.map((user) => ({
            value: String(user.id),
            label: `${user.name} (${user.email})`,
          }))}
          value={person}
          onChange={setPerson}
        />
        <Select
          label={t("members.role")}
          w={120}
          allowDeselect={false}
          data={roles}
          value={role}
          onChange={(value) => setRole(asRole(value))}
        />
        <Button
          size="sm"
          disabled={person === null}
          loading={set.isPending}
          onClick={() => set.mutate({ userId: Number(person), role })}
        >
          {t("members.add")}
        </Button>
      </Group>
      {members.isPending && <Skeleton height={36} />}
      {members.data?.length === 0 && (
        <Text size="sm" c="dimmed" ta="center" py="sm">
          {t("members.none")}
        </Text>
      )}
      {members.data?.map((member) => (
        <Group key={member.user.id} gap="sm" wrap="nowrap">
          <PersonAvatar size={30} name={member.user.name} />
          <div style={{ flex: 1, minWidth: 0 }}>
            <Text size="sm" truncate>
              {member.user.name}
            </Text>
            <Text size="xs" c="dimmed" truncate>
              {member.user.email}
            </Text>
          </div>
          <Select
            aria-label={t("members.roleOf", { name: member.user.name })}
            size="xs"
            w={110}
            allowDeselect={false}
            data={roles}
            value={member.role}
            onChange={(value) => set.mutate({ userId: member.user.id, role: asRole(value) })}
          />
          <Tooltip label={t("members.remove")}>
            <ActionIcon
              variant="subtle"
              color="red"
              aria-label={t("members.removeOf", { name: member.user.name })}
              onClick={() => remove.mutate(member.user.id)}
            >
              <IconUserMinus size={16} />
            </ActionIcon>
          </Tooltip>
        </Group>
      ))}
    </Stack>
  );
}
