/** Service accounts: programs with keys of their own, which are made, replaced and revoked here. */
import {
  ActionIcon,
  Badge,
  Button,
  Code,
  CopyButton,
  Group,
  Menu,
  Select,
  Stack,
  Text,
  TextInput,
} from "@mantine/core";
import { modals } from "@mantine/modals";
import {
  IconCheck,
  IconCopy,
  IconDots,
  IconKey,
  IconPencil,
  IconPlus,
  IconRobot,
  IconUserCheck,
  IconUserOff,
} from "@tabler/icons-react";
import { useInfiniteQuery, useMutation, useQuery } from "@tanstack/react-query";
import { useState, type SubmitEvent } from "react";
import { useTranslation } from "react-i18next";
import {
  createServiceAccount,
  createServiceAccountKey,
  revokeAnyApiKey,
  rotateServiceAccountKey,
  updateUser,
  type UserChange,
} from "@/api/calls";
import { keys, queryClient, serviceAccountKeysQuery, serviceAccountsQuery } from "@/api/queries";
import type { ApiKey, ServiceAccount } from "@/api/types";
import { notifyError } from "@/components/notify";
import { ErrorState, Message, RowSkeletons } from "@/components/States";
import { When } from "@/components/When";
import { PagedList } from "@/components/PagedList";
import { ErrorNote } from "@/features/library/dialogs";
import people from "@/features/people/People.module.css";
import { KeyFacts, NewKey, RevokeKey, ShownKey } from "@/features/security/keys";
import { i18next } from "@/i18n";

const HOUR_S = 3_600;
const OVERLAPS = { now: 0, hour: HOUR_S, day: 24 * HOUR_S, week: 7 * 24 * HOUR_S } as const;
type Overlap = keyof typeof OVERLAPS;
const OVERLAP_NAMES: readonly Overlap[] = ["now", "hour", "day", "week"];

const changed = () => queryClient.invalidateQueries({ queryKey: keys.credentials });

function openNew(): void {
  modals.open({
    modalId: "service-account",
    title: i18next.t("signIn.accounts.new"),
    children: <NameForm onDone={() => modals.close("service-account")} />,
  });
}

function openRename(account: ServiceAccount): void {
  modals.open({
    modalId: "service-account",
    title: i18next.t("signIn.accounts.renameOf", { name: account.name }),
    children: <NameForm account={account} onDone={() => modals.close("service-account")} />,
  });
}

function openKeys(account: ServiceAccount): void {
  modals.open({
    title: i18next.t("signIn.accounts.keysOf", { name: account.name }),
    size: "lg",
    children: <Keys account={account} />,
  });
}

function openNewKey(account: ServiceAccount): void {
  modals.open({
    modalId: "service-account-key",
    title: i18next.t("signIn.accounts.newKeyOf", { name: account.name }),
    closeOnClickOutside: false,
    children: (
      <NewKey
        create={(wanted) => createServiceAccountKey(account.id, wanted)}
        onCreated={() => void changed()}
        onClose={() => modals.close("service-account-key")}
      />
    ),
  });
}

function openRotate(account: ServiceAccount, apiKey: ApiKey): void {
  modals.open({
    modalId: "rotate-key",
    title: i18next.t("signIn.accounts.rotateOf", { name: apiKey.name }),
    closeOnClickOutside: false,
    children: <RotateForm account={account} apiKey={apiKey} />,
  });
}

export function NewServiceAccountButton() {
  const { t } = useTranslation();
  return (
    <Button leftSection={<IconPlus size={16} stroke={1.8} />} onClick={openNew}>
      {t("signIn.accounts.new")}
    </Button>
  );
}

export function ServiceAccounts() {
  const { t } = useTranslation();
  const accounts = useInfiniteQuery({ ...serviceAccountsQuery, refetchOnMount: "always" });
  return (
    <PagedList
      query={accounts}
      label={t("signIn.views.accounts")}
      className={people.list}
      row={(account) => <AccountRow key={account.id} account={account} />}
      empty={
        <Message
          icon={IconRobot}
          title={t("signIn.accounts.emptyTitle")}
          text={t("signIn.accounts.emptyText")}
        />
      }
    />
  );
}

function AccountRow({ account }: { account: ServiceAccount }) {
  const { t } = useTranslation();
  const change = useMutation({
    mutationFn: (what: UserChange) => updateUser(account.id, what),
    onError: notifyError,
    onSettled: changed,
  });
  const askDeactivate = () =>
    modals.openConfirmModal({
      title: t("people.deactivate.title", { name: account.name }),
      children: <Text size="sm">{t("signIn.accounts.deactivateText")}</Text>,
      labels: { confirm: t("users.deactivate"), cancel: t("common.cancel") },
      confirmProps: { color: "red" },
      onConfirm: () => change.mutate({ is_active: false }),
    });
  return (
    <li className={people.row}>
      <IconRobot size={20} stroke={1.6} aria-hidden />
      <div className={people.text}>
        <Text size="sm" fw={550} truncate>
          {account.name}
        </Text>
        <Text size="xs" c="dimmed" truncate>
          {account.client_id} · {t("signIn.accounts.keys", { count: account.keys })}
          {" · "}
          {account.last_used_at === null ? (
            t("keys.neverUsed")
          ) : (
            <>
              {t("keys.lastUsed")} <When at={account.last_used_at} />
            </>
          )}
        </Text>
      </div>
      {!account.is_active && <Badge color="gray">{t("users.inactive")}</Badge>}
      <Button
        size="compact-xs"
        variant="default"
        aria-label={t("signIn.accounts.keysOf", { name: account.name })}
        onClick={() => openKeys(account)}
      >
        {t("signIn.accounts.keysButton")}
      </Button>
      <Menu width={200}>
        <Menu.Target>
          <ActionIcon
            variant="subtle"
            color="gray"
            aria-label={t("library.actionsFor", { name: account.name })}
          >
            <IconDots size={16} />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item leftSection={<IconKey size={16} />} onClick={() => openNewKey(account)}>
            {t("signIn.accounts.newKey")}
          </Menu.Item>
          <Menu.Item leftSection={<IconPencil size={16} />} onClick={() => openRename(account)}>
            {t("signIn.accounts.rename")}
          </Menu.Item>
          {account.is_active ? (
            <Menu.Item
              className="danger-item"
              leftSection={<IconUserOff size={16} />}
              onClick={askDeactivate}
            >
              {t("users.deactivate")}
            </Menu.Item>
          ) : (
            <Menu.Item
              leftSection={<IconUserCheck size={16} />}
              onClick={() => change.mutate({ is_active: true })}
            >
              {t("signIn.accounts.activate")}
            </Menu.Item>
          )}
        </Menu.Dropdown>
      </Menu>
    </li>
  );
}

type NameFormProps = { account?: ServiceAccount; onDone: () => void };

function NameForm({ account, onDone }: NameFormProps) {
  const { t } = useTranslation();
  const [name, setName] = useState(account?.name ?? "");
  const save = useMutation({
    mutationFn: async (given: string) => {
      if (account) await updateUser(account.id, { name: given });
      else await createServiceAccount(given);
    },
    onSuccess: () => {
      void changed();
      onDone();
    },
  });
  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    save.mutate(name.trim());
  };
  return (
    <form onSubmit={submit}>
      <Stack gap="sm">
        {save.error && <ErrorNote error={save.error} />}
        <TextInput
          label={t("users.name")}
          description={t("signIn.accounts.nameHelp")}
          required
          withAsterisk={false}
          data-autofocus
          maxLength={200}
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <Group justify="flex-end">
          <Button type="submit" loading={save.isPending}>
            {t(account ? "common.save" : "common.create")}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

function Keys({ account }: { account: ServiceAccount }) {
  const { t } = useTranslation();
  const found = useQuery(serviceAccountKeysQuery(account.id));
  if (found.isError) return <ErrorState error={found.error} />;
  if (found.isPending) return <RowSkeletons count={2} />;
  return (
    <Stack gap="sm">
      <Group gap="xs">
        <Text size="sm">{t("signIn.accounts.clientId")}</Text>
        <Code>{account.client_id}</Code>
        <CopyButton value={account.client_id}>
          {({ copied, copy }) => (
            <ActionIcon
              variant="subtle"
              color="gray"
              onClick={copy}
              aria-label={copied ? t("common.copied") : t("signIn.accounts.copyClientId")}
            >
              {copied ? <IconCheck size={16} /> : <IconCopy size={16} />}
            </ActionIcon>
          )}
        </CopyButton>
      </Group>
      <Text size="xs" c="dimmed">
        {t("signIn.accounts.credentials")}
      </Text>
      {found.data.length === 0 && <Text size="sm">{t("signIn.accounts.noKeys")}</Text>}
      <ul className={people.plain} aria-label={t("signIn.accounts.keysOf", { name: account.name })}>
        {found.data.map((key) => (
          <KeyRow key={key.id} account={account} apiKey={key} />
        ))}
      </ul>
      <Group justify="flex-end">
        <Button onClick={() => openNewKey(account)}>{t("signIn.accounts.newKey")}</Button>
      </Group>
    </Stack>
  );
}

function KeyRow({ account, apiKey }: { account: ServiceAccount; apiKey: ApiKey }) {
  const { t } = useTranslation();
  return (
    <li className={people.session}>
      <div className={people.text}>
        <Text size="sm" fw={550} truncate>
          {apiKey.name}
        </Text>
        <Text size="xs" c="dimmed" style={{ overflowWrap: "anywhere" }}>
          <KeyFacts apiKey={apiKey} />
        </Text>
      </div>
      <Button
        size="compact-xs"
        variant="default"
        aria-label={t("signIn.accounts.rotateOf", { name: apiKey.name })}
        onClick={() => openRotate(account, apiKey)}
      >
        {t("signIn.accounts.rotate")}
      </Button>
      <RevokeKey
        size="compact-xs"
        apiKey={apiKey}
        revoke={revokeAnyApiKey}
        onSettled={() => void changed()}
      />
    </li>
  );
}

function RotateForm({ account, apiKey }: { account: ServiceAccount; apiKey: ApiKey }) {
  const { t } = useTranslation();
  const [overlap, setOverlap] = useState<Overlap>("day");
  const rotating = useMutation({
    mutationFn: () => rotateServiceAccountKey(account.id, apiKey.id, OVERLAPS[overlap]),
    onSuccess: changed,
  });
  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    rotating.mutate();
  };
  if (rotating.data) {
    return <ShownKey apiKey={rotating.data} onClose={() => modals.close("rotate-key")} />;
  }
  return (
    <form onSubmit={submit}>
      <Stack gap="sm">
        {rotating.error && <ErrorNote error={rotating.error} />}
        <Text size="sm">{t("signIn.accounts.rotateText")}</Text>
        <Select
          label={t("signIn.accounts.overlap")}
          allowDeselect={false}
          data-autofocus
          value={overlap}
          onChange={(value) => setOverlap(OVERLAP_NAMES.find((one) => one === value) ?? "day")}
          data={OVERLAP_NAMES.map((value) => ({
            value,
            label: t(`signIn.accounts.overlaps.${value}`),
          }))}
        />
        <Group justify="flex-end">
          <Button type="submit" loading={rotating.isPending}>
            {t("signIn.accounts.rotate")}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
