/** Who was invited, what became of it, and inviting. Without a mail server the link is handed over. */
import {
  ActionIcon,
  Badge,
  Button,
  CopyButton,
  Group,
  Menu,
  MultiSelect,
  Select,
  Stack,
  Text,
  TextInput,
} from "@mantine/core";
import { modals } from "@mantine/modals";
import { IconDots, IconMail, IconMailForward, IconMailOff } from "@tabler/icons-react";
import { useInfiniteQuery, useMutation } from "@tanstack/react-query";
import { useState, type SubmitEvent } from "react";
import { useTranslation } from "react-i18next";
import { createInvitation, resendInvitation, revokeInvitation } from "@/api/calls";
import { groupsQuery, invitationsQuery, queryClient } from "@/api/queries";
import type { Invitation, Language, Role } from "@/api/types";
import { notifyDone, notifyError } from "@/components/notify";
import { Message } from "@/components/States";
import { When } from "@/components/When";
import { PagedList } from "@/components/PagedList";
import { ErrorNote } from "@/features/library/dialogs";
import { i18next } from "@/i18n";
import { preferredLanguage } from "./language";
import classes from "./People.module.css";
import { asRole, roleChoices } from "./roles";

const STATE_COLORS: Record<Invitation["state"], string> = {
  open: "blue",
  expired: "orange",
  accepted: "teal",
  revoked: "gray",
};

const changed = () => queryClient.invalidateQueries({ queryKey: invitationsQuery.queryKey });

export function openInvite(): void {
  modals.open({
    modalId: "invite",
    title: i18next.t("people.invitations.invite"),
    children: <InviteForm />,
  });
}

/** Says that it is on its way or, where there is no mail server, shows the link this once. */
function handOver(invitation: Invitation): void {
  modals.close("invite");
  if (!invitation.link) {
    notifyDone(i18next.t("people.invitations.sent", { email: invitation.email }));
    return;
  }
  const link = location.origin + invitation.link;
  modals.open({
    title: i18next.t("people.invitations.linkTitle", { email: invitation.email }),
    children: <LinkToHandOver link={link} />,
  });
}

function LinkToHandOver({ link }: { link: string }) {
  const { t } = useTranslation();
  return (
    <Stack gap="sm">
      <Text size="sm">{t("people.invitations.linkExplained")}</Text>
      <TextInput
        aria-label={t("people.invitations.link")}
        readOnly
        value={link}
        onFocus={(event) => event.currentTarget.select()}
      />
      <CopyButton value={link}>
        {({ copied, copy }) => (
          <Button onClick={copy} data-autofocus>
            {copied ? t("common.copied") : t("common.copy")}
          </Button>
        )}
      </CopyButton>
    </Stack>
  );
}

export function InvitationsList() {
  const { t } = useTranslation();
  const invitations = useInfiniteQuery({ ...invitationsQuery, refetchOnMount: "always" });
  return (
    <PagedList
      query={invitations}
      label={t("people.invitations.title")}
      className={classes.list}
      row={(one) => <InvitationRow key={one.id} invitation={one} />}
      empty={
        <Message
          icon={IconMail}
          title={t("people.invitations.emptyTitle")}
          text={t("people.invitations.emptyText")}
        />
      }
    />
  );
}

function InvitationRow({ invitation }: { invitation: Invitation }) {
  const { t } = useTranslation();
  const resend = useMutation({
    mutationFn: () => resendInvitation(invitation.id),
    onSuccess: handOver,
    onError: notifyError,
    onSettled: changed,
  });
  const revoke = useMutation({
    mutationFn: () => revokeInvitation(invitation.id),
    onSuccess: () => notifyDone(t("people.invitations.revoked", { email: invitation.email })),
    onError: notifyError,
    onSettled: changed,
  });
  const unanswered = invitation.state === "open" || invitation.state === "expired";
  return (
    <li className={classes.row}>
      <div className={classes.text}>
        <Text size="sm" fw={550} truncate>
          {invitation.email}
        </Text>
        <Text size="xs" c="dimmed" truncate>
          {[t(`users.${invitation.role}`), ...invitation.groups.map((one) => one.name)].join(", ")}
          {" · "}
          {t("people.invitations.by", { name: invitation.invited_by.name })}{" "}
          <When at={invitation.created_at} />
        </Text>
      </div>
      <Badge color={STATE_COLORS[invitation.state]} variant="light">
        {t(`people.invitations.state.${invitation.state}`)}
      </Badge>
      <Menu width={200} disabled={!unanswered}>
        <Menu.Target>
          <ActionIcon
            variant="subtle"
            color="gray"
            disabled={!unanswered}
            aria-label={t("library.actionsFor", { name: invitation.email })}
          >
            <IconDots size={16} />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item leftSection={<IconMailForward size={16} />} onClick={() => resend.mutate()}>
            {t("people.invitations.resend")}
          </Menu.Item>
          <Menu.Item
            className="danger-item"
            leftSection={<IconMailOff size={16} />}
            onClick={() => revoke.mutate()}
          >
            {t("people.invitations.revoke")}
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
    </li>
  );
}

function InviteForm() {
  const { t } = useTranslation();
  const groups = useInfiniteQuery(groupsQuery);
  const [email, setEmail] = useState("");
  const [role, setRole] = useState<Role>("member");
  const [into, setInto] = useState<string[]>([]);
  const [language, setLanguage] = useState<Language>(preferredLanguage);
  const invite = useMutation({
    mutationFn: () =>
      createInvitation({ email: email.trim(), role, group_ids: into.map(Number), language }),
    onSuccess: (invitation) => {
      void changed();
      handOver(invitation);
    },
  });
  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    invite.mutate();
  };
  return (
    <form onSubmit={submit}>
      <Stack gap="sm">
        {invite.error && <ErrorNote error={invite.error} />}
        <TextInput
          label={t("login.email")}
          type="email"
          required
          withAsterisk={false}
          data-autofocus
          value={email}
          onChange={(event) => setEmail(event.currentTarget.value)}
        />
        <Select
          label={t("users.role")}
          description={t(`users.roleExplained.${role}`)}
          allowDeselect={false}
          data={roleChoices(t)}
          value={role}
          onChange={(value) => setRole(asRole(value))}
        />
        <MultiSelect
          label={t("people.groups.title")}
          searchable
          clearable
          clearButtonProps={{ "aria-label": t("people.invitations.noGroups") }}
          data={(groups.data?.pages.flatMap((page) => page.items) ?? []).map((one) => ({
            value: String(one.id),
            label: one.name,
          }))}
          value={into}
          onChange={setInto}
        />
        <Select
          label={t("people.invitations.language")}
          allowDeselect={false}
          data={[
            { value: "en", label: "English" },
            { value: "de", label: "Deutsch" },
          ]}
          value={language}
          onChange={(value) => setLanguage(value === "de" ? "de" : "en")}
        />
        <Group justify="flex-end">
          <Button type="submit" loading={invite.isPending}>
            {t("people.invitations.invite")}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
