/** Groups of users, which nest: what there is, who is in, and what hangs on one. */
import {
  ActionIcon,
  Badge,
  Button,
  Group,
  List,
  Menu,
  Select,
  Skeleton,
  Stack,
  Text,
  Textarea,
  TextInput,
  Tooltip,
} from "@mantine/core";
import { useDocumentTitle } from "@mantine/hooks";
import { modals } from "@mantine/modals";
import {
  IconDots,
  IconEdit,
  IconLock,
  IconPlus,
  IconTrash,
  IconUserMinus,
  IconUsersGroup,
} from "@tabler/icons-react";
import { useInfiniteQuery, useMutation, useQuery } from "@tanstack/react-query";
import { useState, type SubmitEvent } from "react";
import { useTranslation } from "react-i18next";
import {
  addGroupMember,
  createGroup,
  deleteGroup,
  groupDependents,
  removeGroupMember,
  updateGroup,
} from "@/api/calls";
import { groupMembersQuery, groupsQuery, queryClient, usersQuery } from "@/api/queries";
import type { UserGroup } from "@/api/types";
import { useMe } from "@/app/useMe";
import { formatCount } from "@/components/format";
import { notifyDone, notifyError } from "@/components/notify";
import { PageHead } from "@/components/PageHead";
import { PersonAvatar } from "@/components/PersonAvatar";
import { ErrorState, Message } from "@/components/States";
import { PagedList } from "@/components/PagedList";
import { ErrorNote } from "@/features/library/dialogs";
import { i18next } from "@/i18n";
import classes from "./People.module.css";

const changed = () => queryClient.invalidateQueries({ queryKey: groupsQuery.queryKey });

function openGroupForm(group?: UserGroup): void {
  modals.open({
    modalId: "group",
    title: group ? i18next.t("people.groups.edit") : i18next.t("people.groups.new"),
    children: <GroupForm {...(group ? { group } : {})} />,
  });
}

function openMembers(group: UserGroup): void {
  modals.open({
    title: i18next.t("people.groups.membersOf", { name: group.name }),
    size: "lg",
    children: <GroupMembers group={group} />,
  });
}

function openDelete(group: UserGroup): void {
  modals.open({
    modalId: "delete-group",
    title: i18next.t("people.groups.deleteTitle", { name: group.name }),
    children: <DeleteGroup group={group} />,
  });
}

export function GroupsPage() {
  const { t } = useTranslation();
  useDocumentTitle(`${t("people.groups.title")} · ${t("app.name")}`);
  const { isAdministrator } = useMe();
  if (!isAdministrator) {
    return (
      <Message
        icon={IconLock}
        title={t("users.forbiddenTitle")}
        text={t("people.groups.forbidden")}
      />
    );
  }
  return <Groups />;
}

function Groups() {
  const { t } = useTranslation();
  const groups = useInfiniteQuery(groupsQuery);
  return (
    <>
      <PageHead title={t("people.groups.title")}>
        <Button leftSection={<IconPlus size={16} stroke={1.8} />} onClick={() => openGroupForm()}>
          {t("people.groups.new")}
        </Button>
      </PageHead>
      <PagedList
        query={groups}
        label={t("people.groups.title")}
        className={classes.list}
        row={(group) => <GroupRow key={group.id} group={group} />}
        empty={
          <Message
            icon={IconUsersGroup}
            title={t("people.groups.emptyTitle")}
            text={t("people.groups.emptyText")}
          />
        }
      />
    </>
  );
}

function GroupRow({ group }: { group: UserGroup }) {
  const { t } = useTranslation();
  const members = t("people.groups.members", { count: group.members ?? 0 });
  return (
    <li className={classes.row}>
      <IconUsersGroup size={20} stroke={1.6} aria-hidden />
      <div className={classes.text}>
        <Text size="sm" fw={550} truncate>
          {group.name}
        </Text>
        <Text size="xs" c="dimmed" truncate>
          {group.description}
        </Text>
      </div>
      <Button
        size="compact-sm"
        variant="default"
        aria-label={`${members}: ${group.name}`}
        onClick={() => openMembers(group)}
      >
        {members}
      </Button>
      <Menu width={180}>
        <Menu.Target>
          <ActionIcon
            variant="subtle"
            color="gray"
            aria-label={t("library.actionsFor", { name: group.name })}
          >
            <IconDots size={16} />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item leftSection={<IconEdit size={16} />} onClick={() => openGroupForm(group)}>
            {t("people.groups.edit")}
          </Menu.Item>
          <Menu.Item
            className="danger-item"
            leftSection={<IconTrash size={16} />}
            onClick={() => openDelete(group)}
          >
            {t("people.groups.delete")}
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
    </li>
  );
}

function GroupForm({ group }: { group?: UserGroup }) {
  const { t } = useTranslation();
  const [name, setName] = useState(group?.name ?? "");
  const [description, setDescription] = useState(group?.description ?? "");
  const save = useMutation({
    mutationFn: () =>
      group
        ? updateGroup(group.id, { name: name.trim(), description })
        : createGroup({ name: name.trim(), description }),
    onSuccess: () => {
      void changed();
      modals.close("group");
    },
  });
  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    save.mutate();
  };
  return (
    <form onSubmit={submit}>
      <Stack gap="sm">
        {save.error && <ErrorNote error={save.error} />}
        <TextInput
          label={t("users.name")}
          required
          withAsterisk={false}
          maxLength={200}
          data-autofocus
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <Textarea
          label={t("people.groups.description")}
          autosize
          maxLength={2000}
          value={description}
          onChange={(event) => setDescription(event.currentTarget.value)}
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

/** What can refer to a group and has words of its own here; the rest goes by the service's name. */
const KNOWN = ["grants", "groups", "invitation_groups"] as const;
type Known = (typeof KNOWN)[number];
const isKnown = (kind: string): kind is Known => (KNOWN as readonly string[]).includes(kind);

function DeleteGroup({ group }: { group: UserGroup }) {
  const { t } = useTranslation();
  const found = useQuery({
    queryKey: ["groups", group.id, "dependents"],
    queryFn: () => groupDependents(group.id),
    staleTime: 0,
  });
  const remove = useMutation({
    mutationFn: () => deleteGroup(group.id),
    onSuccess: () => {
      notifyDone(t("people.groups.deleted", { name: group.name }));
      void changed();
      modals.close("delete-group");
    },
    onError: notifyError,
  });
  if (found.isError) return <ErrorState error={found.error} />;
  if (found.isPending) return <Skeleton height={60} />;
  const { members, dependents } = found.data;
  const words = (kind: string, count: number) =>
    isKnown(kind) ? t(`people.dependents.${kind}`, { count }) : `${kind}: ${formatCount(count)}`;
  return (
    <Stack gap="sm">
      <Text size="sm">{t("people.groups.deleteExplained", { count: members })}</Text>
      {Object.keys(dependents).length > 0 && (
        <>
          <Text size="sm">{t("people.groups.goesToo")}</Text>
          <List size="sm">
            {Object.entries(dependents).map(([kind, count]) => (
              <List.Item key={kind}>{words(kind, count)}</List.Item>
            ))}
          </List>
        </>
      )}
      <Group justify="flex-end">
        <Button variant="default" onClick={() => modals.close("delete-group")}>
          {t("common.cancel")}
        </Button>
        <Button color="red" loading={remove.isPending} onClick={() => remove.mutate()}>
          {t("people.groups.delete")}
        </Button>
      </Group>
    </Stack>
  );
}

function GroupMembers({ group }: { group: UserGroup }) {
  const { t } = useTranslation();
  const query = groupMembersQuery(group.id);
  const members = useInfiniteQuery(query);
  const users = useInfiniteQuery(usersQuery);
  const groups = useInfiniteQuery(groupsQuery);
  const [chosen, setChosen] = useState<string | null>(null);
  const settled = () => {
    void changed();
    return queryClient.invalidateQueries({ queryKey: query.queryKey });
  };
  const add = useMutation({
    mutationFn: (principal: string) => addGroupMember(group.id, principal),
    onSuccess: () => setChosen(null),
    onSettled: settled,
  });
  const remove = useMutation({
    mutationFn: (principal: string) => removeGroupMember(group.id, principal),
    onError: notifyError,
    onSettled: settled,
  });
  if (members.isError) return <ErrorState error={members.error} />;
  const listed = members.data?.pages.flatMap((page) => page.items) ?? [];
  const taken = new Set(listed.map((one) => one.principal)).add(`group:${group.id}`);
  const free = (one: { value: string }) => !taken.has(one.value);
  const people = users.data?.pages.flatMap((page) => page.items) ?? [];
  const others = groups.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <Stack gap="md">
      {add.error && <ErrorNote error={add.error} />}
      <Group align="flex-end" gap="xs" wrap="nowrap">
        <Select
          label={t("people.groups.add")}
          placeholder={t("people.groups.choose")}
          searchable
          style={{ flex: 1 }}
          nothingFoundMessage={t("access.nobodyFound")}
          data={[
            {
              group: t("people.groups.title"),
              items: others
                .map((one) => ({ value: `group:${one.id}`, label: one.name }))
                .filter(free),
            },
            {
              group: t("nav.users"),
              items: people
                .map((one) => ({ value: `user:${one.id}`, label: `${one.name} (${one.email})` }))
                .filter(free),
            },
          ]}
          value={chosen}
          onChange={setChosen}
        />
        <Button
          disabled={chosen === null}
          loading={add.isPending}
          onClick={() => chosen !== null && add.mutate(chosen)}
        >
          {t("people.groups.addButton")}
        </Button>
      </Group>
      {members.isPending && <Skeleton height={36} />}
      {members.isSuccess && listed.length === 0 && (
        <Text size="sm" c="dimmed" ta="center" py="sm">
          {t("people.groups.nobody")}
        </Text>
      )}
      <ul className={classes.plain}>
        {listed.map((one) => (
          <li key={one.principal} className={classes.session}>
            {one.kind === "group" ? (
              <IconUsersGroup size={20} stroke={1.6} aria-hidden />
            ) : (
              <PersonAvatar size={30} name={one.name} />
            )}
            <div className={classes.text}>
              <Text size="sm" truncate>
                {one.name}
              </Text>
              {one.email !== null && (
                <Text size="xs" c="dimmed" truncate>
                  {one.email}
                </Text>
              )}
            </div>
            {!one.is_active && <Badge color="gray">{t("users.inactive")}</Badge>}
            <Tooltip label={t("people.groups.remove")}>
              <ActionIcon
                variant="subtle"
                color="red"
                aria-label={t("people.groups.removeOf", { name: one.name })}
                onClick={() => remove.mutate(one.principal)}
              >
                <IconUserMinus size={16} />
              </ActionIcon>
            </Tooltip>
          </li>
        ))}
      </ul>
      {members.hasNextPage && (
        <Button variant="default" onClick={() => void members.fetchNextPage()}>
          {t("common.more")}
        </Button>
      )}
    </Stack>
  );
}
