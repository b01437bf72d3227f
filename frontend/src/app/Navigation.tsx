/** Left side: the places, and the tree of cabinets under them. */
import { ActionIcon, Group, ScrollArea, Text } from "@mantine/core";
import {
  IconCopy,
  IconDatabase,
  IconListCheck,
  IconHome,
  IconInbox,
  IconLayoutSidebarLeftCollapse,
  IconLogin2,
  IconProgress,
  IconSearch,
  IconServer2,
  IconShieldLock,
  IconTextScan2,
  IconTrash,
  IconUsers,
  IconUsersGroup,
  IconVirus,
  type Icon,
} from "@tabler/icons-react";
import { Link, type LinkProps } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { FolderTree } from "@/features/library/FolderTree";
import { Logo } from "./Logo";
import classes from "./Navigation.module.css";
import { useMe } from "./useMe";

type PlaceProps = {
  to: LinkProps["to"];
  icon: Icon;
  label: string;
  /** Whether one is there on the pages below it too. */
  below?: boolean;
};

function Place({ to, icon: Glyph, label, below = false }: PlaceProps) {
  return (
    <Link
      to={to}
      className={classes.place ?? ""}
      activeOptions={{ exact: !below, includeSearch: false }}
      activeProps={{ "data-active": true }}
    >
      <Glyph size={17} stroke={1.7} aria-hidden />
      {label}
    </Link>
  );
}

export function Navigation({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const { organisation, isAdministrator, isAuditor, readsTrail } = useMe();
  return (
    <div className={classes.root}>
      <Group className={classes.brand} gap={10} wrap="nowrap">
        <Logo size={24} />
        <Text fw={640} size="sm" truncate title={organisation.name} style={{ flex: 1 }}>
          {organisation.name}
        </Text>
        <ActionIcon
          hiddenFrom="md"
          variant="subtle"
          color="gray"
          onClick={onClose}
          aria-label={t("shell.closeNavigation")}
        >
          <IconLayoutSidebarLeftCollapse size={18} />
        </ActionIcon>
      </Group>
      <nav className={classes.places} aria-label={t("shell.places")}>
        <Place to="/" icon={IconHome} label={t("nav.home")} />
        {!isAuditor && <Place to="/search" icon={IconSearch} label={t("nav.search")} />}
        {!isAuditor && <Place to="/library" icon={IconServer2} label={t("nav.library")} />}
        {!isAuditor && <Place to="/duplicates" icon={IconCopy} label={t("duplicates.title")} />}
        {!isAuditor && <Place to="/trash" icon={IconTrash} label={t("nav.trash")} />}
        {isAdministrator && <Place to="/users" icon={IconUsers} label={t("nav.users")} />}
        {isAdministrator && (
          <Place to="/groups" icon={IconUsersGroup} label={t("people.groups.title")} />
        )}
        {isAdministrator && (
          <Place to="/policies" icon={IconShieldLock} label={t("policies.title")} />
        )}
        {isAdministrator && <Place to="/sign-in" icon={IconLogin2} label={t("signIn.title")} />}
        {isAdministrator && (
          <Place to="/recognition" icon={IconTextScan2} label={t("recognition.title")} />
        )}
        {isAdministrator && (
          <Place to="/ways-in" icon={IconInbox} label={t("intake.title")} below />
        )}
        {isAdministrator && <Place to="/storage" icon={IconDatabase} label={t("nav.storage")} />}
        {isAdministrator && (
          <Place to="/quarantine" icon={IconVirus} label={t("quarantine.title")} />
        )}
        {isAdministrator && <Place to="/jobs" icon={IconProgress} label={t("jobs.title")} />}
        {readsTrail && <Place to="/audit" icon={IconListCheck} label={t("nav.audit")} />}
      </nav>
      {!isAuditor && (
        <>
          <Text component="h2" className={classes.heading} id="cabinets-heading">
            {t("nav.cabinets")}
          </Text>
          <ScrollArea className={classes.tree} type="hover" scrollbarSize={8}>
            <FolderTree labelledBy="cabinets-heading" />
          </ScrollArea>
        </>
      )}
    </div>
  );
}
