/** Content in which malware was found after it was stored: released with a reason, or deleted for good. */
import {
  Badge,
  Button,
  Group,
  SegmentedControl,
  Stack,
  Text,
  Textarea,
  Title,
} from "@mantine/core";
import { useDocumentTitle } from "@mantine/hooks";
import { modals } from "@mantine/modals";
import { IconLock, IconShieldCheck, IconTrashX } from "@tabler/icons-react";
import { useInfiniteQuery, useMutation } from "@tanstack/react-query";
import { useState, type SubmitEvent } from "react";
import { useTranslation } from "react-i18next";
import { deleteQuarantined, releaseQuarantined, revokeRelease } from "@/api/calls";
import { keys, quarantineQuery, queryClient } from "@/api/queries";
import type { Quarantined, QuarantineState } from "@/api/types";
import { useMe } from "@/app/useMe";
import { formatCount, formatSize } from "@/components/format";
import { notifyDone, notifyError } from "@/components/notify";
import { PageHead } from "@/components/PageHead";
import { More } from "@/components/PagedList";
import { ErrorState, Message, RowSkeletons } from "@/components/States";
import { When } from "@/components/When";
import { ErrorNote } from "@/features/library/dialogs";
import { i18next } from "@/i18n";
import { NamedDocument } from "./NamedDocument";
import classes from "./StoragePage.module.css";

const STATES = ["held", "released", "revoked", "deleted"] as const satisfies QuarantineState[];

const changed = () => queryClient.invalidateQueries({ queryKey: keys.quarantine });

function openRelease(entry: Quarantined): void {
  modals.open({
    modalId: "release",
    title: i18next.t("quarantine.releaseTitle"),
    children: <ReleaseForm entry={entry} />,
  });
}

function askDelete(entry: Quarantined): void {
  modals.openConfirmModal({
    title: i18next.t("quarantine.deleteTitle"),
    children: <Text size="sm">{i18next.t("quarantine.deleteText")}</Text>,
    labels: { confirm: i18next.t("quarantine.delete"), cancel: i18next.t("common.cancel") },
    confirmProps: { color: "red" },
    onConfirm: () => {
      deleteQuarantined(entry.id)
        .then(() => notifyDone(i18next.t("quarantine.deletedDone")))
        .catch(notifyError)
        .finally(() => void changed());
    },
  });
}

function askRevoke(entry: Quarantined): void {
  modals.openConfirmModal({
    title: i18next.t("quarantine.revokeTitle"),
    children: (
      <Text size="sm">{i18next.t("quarantine.revokeText", { signature: entry.signature })}</Text>
    ),
    labels: { confirm: i18next.t("quarantine.revoke"), cancel: i18next.t("common.cancel") },
    confirmProps: { color: "red" },
    onConfirm: () => {
      revokeRelease(entry.id)
        .then(() => notifyDone(i18next.t("quarantine.revokedDone")))
        .catch(notifyError)
        .finally(() => void changed());
    },
  });
}

export function QuarantinePage() {
  const { t } = useTranslation();
  useDocumentTitle(`${t("quarantine.title")} · ${t("app.name")}`);
  const { isAdministrator } = useMe();
  if (!isAdministrator) {
    return (
      <Message
        icon={IconLock}
        title={t("users.forbiddenTitle")}
        text={t("quarantine.forbiddenText")}
      />
    );
  }
  return <Quarantine />;
}

function Quarantine() {
  const { t } = useTranslation();
  const [state, setState] = useState<QuarantineState>("held");
  const quarantine = useInfiniteQuery(quarantineQuery(state));
  const items = quarantine.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <>
      <PageHead title={t("quarantine.title")} />
      <div className={classes.page} tabIndex={0} role="region" aria-label={t("quarantine.title")}>
        <Group justify="space-between" py="xs">
          <Title order={2}>{t(`quarantine.heading.${state}`)}</Title>
          <SegmentedControl
            size="xs"
            aria-label={t("quarantine.which")}
            data={STATES.map((value) => ({ value, label: t(`quarantine.state.${value}`) }))}
            value={state}
            onChange={(value) => setState(STATES.find((one) => one === value) ?? "held")}
          />
        </Group>
        <Text size="sm" c="dimmed" pb="xs">
          {t(`quarantine.advice.${state}`)}
        </Text>
        {quarantine.isPending && <RowSkeletons count={3} />}
        {quarantine.isError && (
          <ErrorState error={quarantine.error} onRetry={() => void quarantine.refetch()} />
        )}
        {quarantine.isSuccess && items.length === 0 && (
          <Message icon={IconShieldCheck} color="teal" title={t(`quarantine.none.${state}`)} />
        )}
        {items.length > 0 && (
          <ul className={classes.list}>
            {items.map((entry) => (
              <Entry key={entry.id} entry={entry} />
            ))}
          </ul>
        )}
        <More query={quarantine} />
      </div>
    </>
  );
}

const COLORS = { held: "red", released: "yellow", revoked: "gray", deleted: "gray" } as const;

function Entry({ entry }: { entry: Quarantined }) {
  const { t } = useTranslation();
  return (
    <li className={classes.row}>
      <Badge color={COLORS[entry.state]} w={110}>
        {t(`quarantine.state.${entry.state}`)}
      </Badge>
      <div className={classes.what}>
        <Text size="sm" fw={550} className={classes.detail}>
          {entry.signature}
        </Text>
        {entry.documents.length === 0 && (
          <Text size="sm" c="dimmed">
            {t("quarantine.noDocument")}
          </Text>
        )}
        {entry.documents.map((document) => (
          <NamedDocument key={document.id} document={document} />
        ))}
        <Text size="xs" c="dimmed" className={classes.detail}>
          SHA-256 {entry.sha256}
        </Text>
        {entry.scanned_with !== null && (
          <Text size="xs" c="dimmed">
            {t("quarantine.signatures", { version: formatCount(entry.scanned_with) })}
          </Text>
        )}
        {entry.decided_by && (
          <Text size="xs" c="dimmed" className={classes.detail}>
            {t("quarantine.decidedBy", { name: entry.decided_by.name })}
            {entry.reason !== null && ` · ${entry.reason}`}
          </Text>
        )}
        {entry.state === "held" && (
          <Group gap="xs" mt={6}>
            <Button size="compact-sm" variant="default" onClick={() => openRelease(entry)}>
              {t("quarantine.release")}
            </Button>
            <Button
              size="compact-sm"
              variant="light"
              color="red"
              leftSection={<IconTrashX size={14} />}
              onClick={() => askDelete(entry)}
            >
              {t("quarantine.delete")}
            </Button>
          </Group>
        )}
        {entry.state === "released" && (
          <Group gap="xs" mt={6}>
            <Button size="compact-sm" variant="default" onClick={() => askRevoke(entry)}>
              {t("quarantine.revoke")}
            </Button>
          </Group>
        )}
      </div>
      <Text size="xs" c="dimmed" className={classes.size}>
        {formatSize(entry.size)}
      </Text>
      <Text size="xs" c="dimmed" className={classes.when}>
        <When at={entry.decided_at ?? entry.found_at} />
      </Text>
    </li>
  );
}

function ReleaseForm({ entry }: { entry: Quarantined }) {
  const { t } = useTranslation();
  const [reason, setReason] = useState("");
  const release = useMutation({
    mutationFn: () => releaseQuarantined(entry.id, reason.trim()),
    onSuccess: () => {
      notifyDone(t("quarantine.releasedDone"));
      modals.close("release");
    },
    onSettled: changed,
  });
  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    release.mutate();
  };
  return (
    <form onSubmit={submit}>
      <Stack gap="sm">
        {release.error && <ErrorNote error={release.error} />}
        <Text size="sm">{t("quarantine.releaseText", { signature: entry.signature })}</Text>
        <Textarea
          label={t("quarantine.reason")}
          required
          withAsterisk={false}
          autosize
          minRows={2}
          maxLength={2000}
          data-autofocus
          value={reason}
          onChange={(event) => setReason(event.currentTarget.value)}
        />
        <Group justify="flex-end">
          <Button variant="default" onClick={() => modals.close("release")}>
            {t("common.cancel")}
          </Button>
          <Button type="submit" disabled={reason.trim() === ""} loading={release.isPending}>
            {t("quarantine.release")}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
