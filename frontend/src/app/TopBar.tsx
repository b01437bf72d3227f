/** Top bar: search, uploads, appearance, help, account. */
import {
  ActionIcon,
  Avatar,
  Burger,
  Group,
  Kbd,
  Menu,
  RingProgress,
  Text,
  Tooltip,
  UnstyledButton,
} from "@mantine/core";
import { modals } from "@mantine/modals";
import { spotlight } from "@mantine/spotlight";
import {
  IconDevices,
  IconHelp,
  IconKey,
  IconLogout,
  IconMoon,
  IconSearch,
  IconShieldLock,
  IconSun,
  IconSwitchHorizontal,
  IconUpload,
} from "@tabler/icons-react";
import { useMutation, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { myOrganisationsQuery, queryClient } from "@/api/queries";
import { session } from "@/api/session";
import { notifyError } from "@/components/notify";
import { NextStep } from "@/features/auth/NextStep";
import { PasswordForm } from "@/features/auth/PasswordForm";
import { nextStep } from "@/features/auth/steps";
import { MySessions } from "@/features/people/SessionsList";
import { useUploads, uploads } from "@/features/uploads/uploads";
import { uploadPanel } from "@/features/uploads/panelState";
import classes from "./TopBar.module.css";
import { useMe } from "./useMe";

type TopBarProps = {
  navOpened: boolean;
  onToggleNav: () => void;
  onHelp: () => void;
  onToggleScheme: () => void;
};

export function TopBar({ navOpened, onToggleNav, onHelp, onToggleScheme }: TopBarProps) {
  const { t } = useTranslation();
  return (
    <Group h="100%" px="sm" gap="xs" wrap="nowrap">
      <Burger
        hiddenFrom="md"
        size="sm"
        opened={navOpened}
        onClick={onToggleNav}
        aria-label={t("shell.toggleNavigation")}
      />
      <UnstyledButton className={classes.search} onClick={spotlight.open}>
        <IconSearch size={16} stroke={1.8} aria-hidden />
        <span className={classes.searchLabel}>{t("shell.search")}</span>
        <Kbd size="xs" visibleFrom="sm">
          Ctrl K
        </Kbd>
      </UnstyledButton>
      <Group gap={4} ml="auto" wrap="nowrap">
        <UploadsButton />
        <Tooltip label={t("shell.appearance")}>
          <ActionIcon
            variant="subtle"
            color="gray"
            size="lg"
            onClick={onToggleScheme}
            aria-label={t("shell.appearance")}
          >
            <IconMoon size={18} stroke={1.7} className={classes.lightOnly} />
            <IconSun size={18} stroke={1.7} className={classes.darkOnly} />
          </ActionIcon>
        </Tooltip>
        <Tooltip label={t("shortcuts.title")}>
          <ActionIcon
            variant="subtle"
            color="gray"
            size="lg"
            visibleFrom="sm"
            onClick={onHelp}
            aria-label={t("shortcuts.title")}
          >
            <IconHelp size={18} stroke={1.7} />
          </ActionIcon>
        </Tooltip>
        <AccountMenu onHelp={onHelp} />
      </Group>
    </Group>
  );
}

function UploadsButton() {
  const { t } = useTranslation();
  const { total, groups, bytes, bytesSent } = useUploads();
  if (total === 0) return null;
  const running = groups.waiting + groups.active > 0;
  const label = t("uploads.show");
  return (
    <Tooltip label={label}>
      <ActionIcon
        variant="subtle"
        color={groups.attention > 0 ? "red" : "gray"}
        size="lg"
        onClick={uploadPanel.toggle}
        aria-label={label}
      >
        {running ? (
          <RingProgress
            size={26}
            thickness={3}
            aria-hidden
            sections={[{ value: bytes ? (100 * bytesSent) / bytes : 0, color: "blue" }]}
          />
        ) : (
          <IconUpload size={18} stroke={1.7} />
        )}
      </ActionIcon>
    </Tooltip>
  );
}

const initials = (name: string): string =>
  name
    .split(/\s+/)
    .slice(0, 2)
    .map((word) => word.charAt(0).toUpperCase())
    .join("");

function AccountMenu({ onHelp }: { onHelp: () => void }) {
  const { t } = useTranslation();
  const { user, organisation } = useMe();

  const signOut = async () => {
    uploads.reset();
    await session.signOut();
    queryClient.clear();
  };
  const askSignOut = () => {
    if (!uploads.busy) {
      void signOut();
      return;
    }
    modals.openConfirmModal({
      title: t("account.signOut"),
      children: <Text size="sm">{t("account.uploadsRunning")}</Text>,
      labels: { confirm: t("account.signOutAnyway"), cancel: t("common.cancel") },
      confirmProps: { color: "red" },
      onConfirm: () => void signOut(),
    });
  };

  return (
    <Menu width={230}>
      <Menu.Target>
        <UnstyledButton ml={4}>
          <span className="visually-hidden">{t("account.menu", { name: user.name })}</span>
          <Avatar size={30} radius="xl" color="blue" variant="filled" aria-hidden>
            {initials(user.name)}
          </Avatar>
        </UnstyledButton>
      </Menu.Target>
      <Menu.Dropdown>
        <div className={classes.account}>
          <Text size="sm" fw={600} truncate>
            {user.name}
          </Text>
          <Text size="xs" c="dimmed" truncate>
            {user.email}
          </Text>
          <Text size="xs" c="dimmed" truncate>
            {organisation.name}
          </Text>
        </div>
        <OrganisationSwitch />
        <Menu.Divider />
        <Menu.Item
          leftSection={<IconKey size={16} />}
          onClick={() =>
            modals.open({
              modalId: "password",
              title: t("account.changePassword"),
              children: <PasswordForm onDone={() => modals.close("password")} />,
            })
          }
        >
          {t("account.changePassword")}
        </Menu.Item>
        <Menu.Item component={Link} to="/security" leftSection={<IconShieldLock size={16} />}>
          {t("security.title")}
        </Menu.Item>
        <Menu.Item
          leftSection={<IconDevices size={16} />}
          onClick={() =>
            modals.open({
              title: t("people.sessions.title"),
              size: "lg",
              children: <MySessions />,
            })
          }
        >
          {t("people.sessions.title")}
        </Menu.Item>
        <Menu.Item leftSection={<IconHelp size={16} />} onClick={onHelp}>
          {t("shortcuts.title")}
        </Menu.Item>
        <Menu.Divider />
        <Menu.Item leftSection={<IconLogout size={16} />} onClick={askSignOut}>
          {t("account.signOut")}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

/** A fresh page: nothing of the former organisation is shown or cached any more. */
const goIn = () => location.assign("/");

/** The other organisations one belongs to: to go on there, without the password. */
function OrganisationSwitch() {
  const { t } = useTranslation();
  const { data } = useQuery(myOrganisationsQuery);
  const change = useMutation({
    mutationFn: (id: number) => session.switchTo(id),
    onSuccess: goIn,
    onError: (error) => {
      const next = nextStep(error);
      if (next === null) {
        notifyError(error);
        return;
      }
      modals.open({
        title: t("people.switch.title"),
        children: <NextStep step={next} onDone={goIn} onBack={() => modals.closeAll()} />,
      });
    },
  });
  const ask = (id: number) => {
    if (!uploads.busy) {
      change.mutate(id);
      return;
    }
    modals.openConfirmModal({
      title: t("people.switch.title"),
      children: <Text size="sm">{t("people.switch.uploadsRunning")}</Text>,
      labels: { confirm: t("people.switch.anyway"), cancel: t("common.cancel") },
      confirmProps: { color: "red" },
      onConfirm: () => change.mutate(id),
    });
  };
  const others = data?.filter((one) => !one.current) ?? [];
  if (others.length === 0) return null;
  return (
    <>
      <Menu.Divider />
      <Menu.Label>{t("people.switch.title")}</Menu.Label>
      {others.map(({ organisation }) => (
        <Menu.Item
          key={organisation.id}
          leftSection={<IconSwitchHorizontal size={16} />}
          disabled={change.isPending}
          onClick={() => ask(organisation.id)}
        >
          {organisation.name}
        </Menu.Item>
      ))}
    </>
  );
}
