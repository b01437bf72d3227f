/** Passkeys of one's own. */
import { ActionIcon, Alert, Button, Group, Stack, Text, TextInput } from "@mantine/core";
import { modals } from "@mantine/modals";
import { IconKey, IconTrash } from "@tabler/icons-react";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState, type SubmitEvent } from "react";
import { useTranslation } from "react-i18next";
import { addPasskey, beginPasskey, removePasskey } from "@/api/calls";
import { createPasskey, passkeysAreSupported } from "@/api/passkeys";
import { passkeysQuery, queryClient } from "@/api/queries";
import type { Passkey } from "@/api/types";
import { notifyDone, notifyError } from "@/components/notify";
import { ErrorState, RowSkeletons } from "@/components/States";
import { useExplain } from "@/components/useExplain";
import { When } from "@/components/When";
import { i18next } from "@/i18n";
import { showRecoveryCodes } from "./AuthenticatorSection";
import { Section } from "./Section";
import classes from "./Security.module.css";

const DIALOG = "new-passkey";
const changed = () => queryClient.invalidateQueries({ queryKey: ["security"] });

async function add(name: string) {
  const { options, ticket } = await beginPasskey();
  const credential = await createPasskey(options);
  return addPasskey({ ticket, name, credential });
}

function openNewPasskey(): void {
  modals.open({
    modalId: DIALOG,
    title: i18next.t("security.addPasskey"),
    children: <NewPasskeyForm />,
  });
}

function NewPasskeyForm() {
  const { t } = useTranslation();
  const explain = useExplain();
  const [name, setName] = useState("");
  const adding = useMutation({
    mutationFn: add,
    onSuccess: ({ recovery_codes }) => {
      notifyDone(t("security.passkeyAdded"));
      void changed();
      modals.close(DIALOG);
      if (recovery_codes !== null) showRecoveryCodes(recovery_codes);
    },
  });
  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    adding.mutate(name);
  };
  const failure = adding.error ? explain(adding.error) : null;
  return (
    <form onSubmit={submit}>
      <Stack gap="sm">
        {failure && (
          <Alert color="red" role="alert" title={failure.title}>
            {failure.advice}
          </Alert>
        )}
        <TextInput
          label={t("security.passkeyName")}
          description={t("security.passkeyNameHelp")}
          required
          withAsterisk={false}
          data-autofocus
          maxLength={200}
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <Group justify="flex-end">
          <Button type="submit" loading={adding.isPending}>
            {t("security.addPasskey")}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

export function PasskeysSection() {
  const { t } = useTranslation();
  const passkeys = useQuery(passkeysQuery);
  const supported = passkeysAreSupported();
  return (
    <Section
      title={t("security.passkeys")}
      text={supported ? t("security.passkeysText") : t("security.passkeysUnsupported")}
      action={supported && <Button onClick={openNewPasskey}>{t("security.addPasskey")}</Button>}
    >
      {passkeys.isPending && <RowSkeletons count={1} />}
      {passkeys.isError && (
        <ErrorState error={passkeys.error} onRetry={() => void passkeys.refetch()} />
      )}
      {passkeys.data?.length === 0 && (
        <Text size="sm" mt="xs">
          {t("security.noPasskeys")}
        </Text>
      )}
      {passkeys.data !== undefined && passkeys.data.length > 0 && (
        <ul className={classes.list}>
          {passkeys.data.map((passkey) => (
            <PasskeyRow key={passkey.id} passkey={passkey} />
          ))}
        </ul>
      )}
    </Section>
  );
}

function PasskeyRow({ passkey }: { passkey: Passkey }) {
  const { t } = useTranslation();
  const removing = useMutation({
    mutationFn: () => removePasskey(passkey.id),
    onError: notifyError,
    onSettled: changed,
  });
  const label = t("security.removePasskey", { name: passkey.name });
  const ask = () =>
    modals.openConfirmModal({
      title: label,
      children: <Text size="sm">{t("security.removePasskeyText")}</Text>,
      labels: { confirm: t("security.remove"), cancel: t("common.cancel") },
      confirmProps: { color: "red" },
      onConfirm: () => removing.mutate(),
    });
  return (
    <li className={classes.row}>
      <IconKey size={18} stroke={1.7} aria-hidden />
      <div className={classes.what}>
        <Text size="sm" fw={550} truncate>
          {passkey.name}
        </Text>
        <Text size="xs" c="dimmed">
          {passkey.last_used_at === null ? (
            t("security.neverUsed")
          ) : (
            <>
              {t("security.lastUsed")} <When at={passkey.last_used_at} />
            </>
          )}
        </Text>
      </div>
      <ActionIcon
        variant="subtle"
        color="gray"
        aria-label={label}
        onClick={ask}
        loading={removing.isPending}
      >
        <IconTrash size={17} stroke={1.7} />
      </ActionIcon>
    </li>
  );
}
