/** Administration of users: who there is, new ones, roles, and who may no longer sign in. */
import {
  ActionIcon,
  Badge,
  Button,
  Group,
  Menu,
  PasswordInput,
  SegmentedControl,
  Select,
  Stack,
  Text,
  TextInput,
  Tooltip,
} from "@mantine/core";
import { useDocumentTitle } from "@mantine/hooks";
import { modals } from "@mantine/modals";
import {
  IconDevices,
  IconDots,
  IconKey,
  IconLock,
  IconMail,
  IconShieldCheck,
  IconShieldOff,
  IconUserCheck,
  IconUserOff,
  IconUserPlus,
} from "@tabler/icons-react";
import { useInfiniteQuery, useMutation } from "@tanstack/react-query";
import { useState, type SubmitEvent } from "react";
import { useTranslation } from "react-i18next";
import { createUser, resetSecondFactor, updateUser, type UserChange } from "@/api/calls";
import { peopleQuery, queryClient, usersQuery } from "@/api/queries";
import type { Role, User } from "@/api/types";
import { useMe } from "@/app/useMe";
import { notifyDone, notifyError } from "@/components/notify";
import { PageHead } from "@/components/PageHead";
import { PersonAvatar } from "@/components/PersonAvatar";
import { Message } from "@/components/States";
import { When } from "@/components/When";
import { PagedList } from "@/components/PagedList";
import { MIN_PASSWORD } from "@/features/auth/PasswordForm";
import { ErrorNote } from "@/features/library/dialogs";
import { InvitationsList, openInvite } from "@/features/people/Invitations";
import { asRole, roleChoices } from "@/features/people/roles";
import { UserSessions } from "@/features/people/SessionsList";
import { i18next } from "@/i18n";
import classes from "./UsersPage.module.css";

const changed = () => queryClient.invalidateQueries({ queryKey: usersQuery.queryKey });

function openNewUser(): void {
  modals.open({
    modalId: "new-user",
    title: i18next.t("users.new"),
    children: <NewUserForm onDone={() => modals.close("new-user")} />,
  });
}

function openSetPassword(user: User): void {
  modals.open({
    modalId: "set-password",
    title: i18next.t("users.setPasswordOf", { name: user.name }),
    children: <SetPasswordForm user={user} onDone={() => modals.close("set-password")} />,
  });
}

function openSessions(user: User): void {
  modals.open({
    title: i18next.t("people.sessions.of", { name: user.name }),
    size: "lg",
    children: <UserSessions user={user} />,
  });
}

function askDeactivate(user: User, deactivate: () => void): void {
  modals.openConfirmModal({
    title: i18next.t("people.deactivate.title", { name: user.name }),
    children: <Text size="sm">{i18next.t("people.deactivate.text")}</Text>,
    labels: { confirm: i18next.t("users.deactivate"), cancel: i18next.t("common.cancel") },
    confirmProps: { color: "red" },
    onConfirm: deactivate,
  });
}

function askReset(user: User, reset: () => void): void {
  modals.openConfirmModal({
    title: i18next.t("signIn.reset.title", { name: user.name }),
    children: <Text size="sm">{i18next.t("signIn.reset.text")}</Text>,
    labels: { confirm: i18next.t("signIn.reset.action"), cancel: i18next.t("common.cancel") },
    confirmProps: { color: "red" },
    onConfirm: reset,
  });
}

export function UsersPage() {
  const { t } = useTranslation();
  useDocumentTitle(`${t("nav.users")} · ${t("app.name")}`);
  const { isAdministrator } = useMe();
  if (!isAdministrator) {
    return (
      <Message icon={IconLock} title={t("users.forbiddenTitle")} text={t("users.forbiddenText")} />
    );
  }
  return <People />;
}

function People() {
  const { t } = useTranslation();
  const [shown, setShown] = useState("users");
  return (
    <>
      <PageHead title={t("nav.users")}>
        <Button
          variant="default"
          leftSection={<IconUserPlus size={16} stroke={1.8} />}
          onClick={openNewUser}
        >
          {t("users.new")}
        </Button>
        <Button leftSection={<IconMail size={16} stroke={1.8} />} onClick={openInvite}>
          {t("people.invitations.invite")}
        </Button>
      </PageHead>
      <SegmentedControl
        mx="md"
        mb="xs"
        className={classes.choice ?? ""}
        aria-label={t("people.invitations.choose")}
        data={[
          { value: "users", label: t("nav.users") },
          { value: "invitations", label: t("people.invitations.title") },
        ]}
        value={shown}
        onChange={setShown}
      />
      {shown === "users" ? <UsersList /> : <InvitationsList />}
    </>
  );
}

function UsersList() {
  const { t } = useTranslation();
  // Who accepted an invitation meanwhile is told by nothing else.
  const users = useInfiniteQuery({ ...peopleQuery, refetchOnMount: "always" });
  return (
    <PagedList
      query={users}
      label={t("nav.users")}
      className={classes.list}
      row={(user) => <UserRow key={user.id} user={user} />}
    />
  );
}

function UserRow({ user }: { user: User }) {
  const { t } = useTranslation();
  const me = useMe();
  const isMe = me.user.id === user.id;
  const change = useMutation({
    mutationFn: (what: UserChange) => updateUser(user.id, what),
    onError: notifyError,
    onSettled: changed,
  });
  const reset = useMutation({
    mutationFn: () => resetSecondFactor(user.id),
    onSuccess: () => notifyDone(t("signIn.reset.done", { name: user.name })),
    onError: notifyError,
    onSettled: changed,
  });
  return (
    <li className={classes.row} data-inactive={!user.is_active || undefined}>
      <PersonAvatar size={34} name={user.name} />
      <div className={classes.who}>
        <Text size="sm" fw={550} truncate>
          {user.name}
          {isMe && (
            <Text span size="xs" c="dimmed" ml={6}>
              {t("users.you")}
            </Text>
          )}
        </Text>
        <Text size="xs" c="dimmed" truncate>
          {user.email}
        </Text>
      </div>
      {user.has_second_factor && (
        <Tooltip label={t("signIn.reset.has")}>
          <IconShieldCheck
            size={17}
            stroke={1.7}
            role="img"
            aria-label={t("signIn.reset.has")}
            style={{ flex: "none" }}
          />
        </Tooltip>
      )}
      {!user.is_active && (
        <Badge color="gray" visibleFrom="xs">
          {t("users.inactive")}
        </Badge>
      )}
      <Text size="xs" c="dimmed" visibleFrom="md" w={130}>
        {t("users.since")} <When at={user.created_at} />
      </Text>
      <Select
        aria-label={t("users.roleOf", { name: user.name })}
        size="xs"
        className={classes.role}
        allowDeselect={false}
        disabled={isMe || change.isPending}
        data={roleChoices(t)}
        value={user.role}
        onChange={(value) => change.mutate({ role: asRole(value) })}
      />
      <Menu width={200}>
        <Menu.Target>
          <ActionIcon
            variant="subtle"
            color="gray"
            disabled={isMe}
            aria-label={t("library.actionsFor", { name: user.name })}
          >
            <IconDots size={16} />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item leftSection={<IconKey size={16} />} onClick={() => openSetPassword(user)}>
            {t("users.setPassword")}
          </Menu.Item>
          <Menu.Item leftSection={<IconDevices size={16} />} onClick={() => openSessions(user)}>
            {t("people.sessions.title")}
          </Menu.Item>
          {user.has_second_factor && (
            <Menu.Item
              className="danger-item"
              leftSection={<IconShieldOff size={16} />}
              onClick={() => askReset(user, () => reset.mutate())}
            >
              {t("signIn.reset.action")}
            </Menu.Item>
          )}
          {user.is_active ? (
            <Menu.Item
              className="danger-item"
              leftSection={<IconUserOff size={16} />}
              onClick={() => askDeactivate(user, () => change.mutate({ is_active: false }))}
            >
              {t("users.deactivate")}
            </Menu.Item>
          ) : (
            <Menu.Item
              leftSection={<IconUserCheck size={16} />}
              onClick={() => change.mutate({ is_active: true })}
            >
              {t("users.activate")}
            </Menu.Item>
          )}
        </Menu.Dropdown>
      </Menu>
    </li>
  );
}

function NewUserForm({ onDone }: { onDone: () => void }) {
  const { t } = useTranslation();
  const [name, setName] = useState("");
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const [role, setRole] = useState<Role>("member");
  const create = useMutation({
    mutationFn: () => createUser({ name: name.trim(), email: email.trim(), password, role }),
    onSuccess: (user) => {
      notifyDone(t("users.created", { name: user.name }));
      void changed();
      onDone();
    },
  });
  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    create.mutate();
  };
  return (
    <form onSubmit={submit}>
      <Stack gap="sm">
        {create.error && <ErrorNote error={create.error} />}
        <TextInput
          label={t("users.name")}
          required
          withAsterisk={false}
          data-autofocus
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <TextInput
          label={t("login.email")}
          type="email"
          required
          withAsterisk={false}
          value={email}
          onChange={(event) => setEmail(event.currentTarget.value)}
        />
        <NewPassword value={password} onChange={setPassword} />
        <Select
          label={t("users.role")}
          description={t(`users.roleExplained.${role}`)}
          allowDeselect={false}
          data={roleChoices(t)}
          value={role}
          onChange={(value) => setRole(asRole(value))}
        />
        <Group justify="flex-end">
          <Button type="submit" loading={create.isPending}>
            {t("users.create")}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

function SetPasswordForm({ user, onDone }: { user: User; onDone: () => void }) {
  const { t } = useTranslation();
  const [password, setPassword] = useState("");
  const save = useMutation({
    mutationFn: () => updateUser(user.id, { password }),
    onSuccess: () => {
      notifyDone(t("users.passwordSet", { name: user.name }));
      onDone();
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
        <NewPassword value={password} onChange={setPassword} />
        <Group justify="flex-end">
          <Button type="submit" loading={save.isPending}>
            {t("users.setPassword")}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

function NewPassword({ value, onChange }: { value: string; onChange: (value: string) => void }) {
  const { t } = useTranslation();
  return (
    <PasswordInput
      label={t("users.initialPassword")}
      description={t("account.passwordRule", { count: MIN_PASSWORD })}
      required
      withAsterisk={false}
      minLength={MIN_PASSWORD}
      autoComplete="new-password"
      value={value}
      visibilityToggleButtonProps={{ "aria-label": t("login.showPassword") }}
      onChange={(event) => onChange(event.currentTarget.value)}
    />
  );
}
