/** What is shown of an API key wherever keys are listed, how one is ended, and how a new one is made and shown, once. */
import {
  Alert,
  Button,
  Code,
  CopyButton,
  Group,
  Select,
  Stack,
  TagsInput,
  Text,
  TextInput,
} from "@mantine/core";
import { modals } from "@mantine/modals";
import { IconCheck, IconCopy } from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";
import type { TFunction } from "i18next";
import { useState, type SubmitEvent } from "react";
import { useTranslation } from "react-i18next";
import type { ApiKeyCreate } from "@/api/calls";
import type { ApiKey, NewApiKey } from "@/api/types";
import { notifyDone, notifyError } from "@/components/notify";
import { useExplain } from "@/components/useExplain";
import { When } from "@/components/When";
import classes from "./Security.module.css";

const READ_ONLY = ["dms:*:List", "dms:*:Read"];
const COMMON = [
  ...READ_ONLY,
  "dms:document:Create",
  "dms:document:Update",
  "dms:folder:Create",
  "dms:organisation:Audit",
  "dms:organisation:Administer",
];
const SCOPE = /^dms:(\*|[a-z]{1,40}):(\*|[A-Z][A-Za-z]{0,39})$/;
const DAYS = ["30", "90", "365"];
const UNLIMITED = "unlimited";
const DAY_MS = 86_400_000;

type Extent = "read" | "everything" | "chosen";

const asExtent = (value: string | null): Extent =>
  value === "everything" || value === "chosen" ? value : "read";

/** What a key may do, in words or, where none fit, by the actions it is limited to. */
export function extentOf(t: TFunction, { scopes }: ApiKey): string {
  if (scopes === null) return t("keys.everything");
  return scopes.join() === READ_ONLY.join() ? t("keys.readOnly") : scopes.join(", ");
}

type RevokeKeyProps = {
  apiKey: Pick<ApiKey, "id" | "name">;
  revoke: (id: number) => Promise<unknown>;
  onSettled: () => void;
  /** What else is told before one says yes. */
  warning?: string;
  size?: "xs" | "compact-xs";
};

/** A button that ends a key, once one has said so again. */
export function RevokeKey({ apiKey, revoke, onSettled, warning, size = "xs" }: RevokeKeyProps) {
  const { t } = useTranslation();
  const revoking = useMutation({
    mutationFn: () => revoke(apiKey.id),
    onSuccess: () => notifyDone(t("keys.revoked", { name: apiKey.name })),
    onError: notifyError,
    onSettled,
  });
  const label = t("keys.revokeOf", { name: apiKey.name });
  const ask = () =>
    modals.openConfirmModal({
      title: label,
      children: (
        <Text size="sm">
          {warning} {t("keys.revokeText")}
        </Text>
      ),
      labels: { confirm: t("keys.revoke"), cancel: t("common.cancel") },
      confirmProps: { color: "red" },
      onConfirm: () => revoking.mutate(),
    });
  return (
    <Button
      variant="subtle"
      color="red"
      size={size}
      aria-label={label}
      onClick={ask}
      loading={revoking.isPending}
    >
      {t("keys.revoke")}
    </Button>
  );
}

/** Extent, last characters, last use and end, on one line. */
export function KeyFacts({ apiKey }: { apiKey: ApiKey }) {
  const { t } = useTranslation();
  return (
    <>
      {extentOf(t, apiKey)} · {t("keys.endsIn", { hint: apiKey.hint })}
      {" · "}
      {apiKey.last_used_at === null ? (
        t("keys.neverUsed")
      ) : (
        <>
          {t("keys.lastUsed")} <When at={apiKey.last_used_at} />
        </>
      )}
      {apiKey.expires_at !== null && (
        <>
          {" · "}
          {t(isExpired(apiKey) ? "keys.expired" : "keys.expires")} <When at={apiKey.expires_at} />
        </>
      )}
    </>
  );
}

export const isExpired = ({ expires_at }: ApiKey): boolean =>
  expires_at !== null && Date.parse(expires_at) <= Date.now();

type NewKeyProps = {
  create: (wanted: ApiKeyCreate) => Promise<NewApiKey>;
  /** Once the key is there; it is still to be shown. */
  onCreated: () => void;
  onClose: () => void;
};

/** Asks what the key is for and may do, and then shows it. */
export function NewKey({ create, onCreated, onClose }: NewKeyProps) {
  const { t } = useTranslation();
  const explain = useExplain();
  const [name, setName] = useState("");
  const [extent, setExtent] = useState<Extent>("read");
  const [chosen, setChosen] = useState<string[]>([]);
  const [days, setDays] = useState("90");
  const scopes = { read: READ_ONLY, everything: null, chosen }[extent];
  const wrong = extent === "chosen" ? chosen.filter((one) => !SCOPE.test(one)) : [];
  const creating = useMutation({
    mutationFn: () =>
      create({
        name,
        scopes,
        expires_at:
          days === UNLIMITED ? null : new Date(Date.now() + Number(days) * DAY_MS).toISOString(),
      }),
    onSuccess: onCreated,
  });
  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    creating.mutate();
  };
  if (creating.data) return <ShownKey apiKey={creating.data} onClose={onClose} />;
  const failure = creating.error ? explain(creating.error) : null;
  return (
    <form onSubmit={submit}>
      <Stack gap="sm">
        {failure && (
          <Alert color="red" role="alert" title={failure.title}>
            {failure.advice}
          </Alert>
        )}
        <TextInput
          label={t("keys.name")}
          description={t("keys.nameHelp")}
          required
          withAsterisk={false}
          data-autofocus
          maxLength={200}
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <Select
          label={t("keys.extent")}
          allowDeselect={false}
          value={extent}
          onChange={(value) => setExtent(asExtent(value))}
          data={[
            { value: "read", label: t("keys.readOnly") },
            { value: "everything", label: t("keys.everything") },
            { value: "chosen", label: t("keys.chosen") },
          ]}
        />
        {extent === "chosen" && (
          <TagsInput
            label={t("keys.actions")}
            description={t("keys.actionsHelp")}
            data={COMMON}
            value={chosen}
            onChange={setChosen}
            error={wrong.length > 0 && t("keys.noAction", { name: wrong[0] })}
          />
        )}
        <Select
          label={t("keys.life")}
          allowDeselect={false}
          value={days}
          onChange={(value) => setDays(value ?? "90")}
          data={[
            ...DAYS.map((value) => ({ value, label: t("keys.days", { count: Number(value) }) })),
            { value: UNLIMITED, label: t("keys.unlimited") },
          ]}
        />
        <Group justify="flex-end">
          <Button
            type="submit"
            loading={creating.isPending}
            disabled={extent === "chosen" && (chosen.length === 0 || wrong.length > 0)}
          >
            {t("common.create")}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

type ShownKeyProps = { apiKey: NewApiKey; onClose: () => void };

/** The only time that a key is seen whole. */
export function ShownKey({ apiKey, onClose }: ShownKeyProps) {
  const { t } = useTranslation();
  return (
    <Stack gap="sm">
      <Alert color="yellow">{t("keys.shownOnce")}</Alert>
      <Code block className={classes.secret ?? ""} style={{ whiteSpace: "pre-wrap" }}>
        {apiKey.key}
      </Code>
      <Group justify="space-between">
        <CopyButton value={apiKey.key}>
          {({ copied, copy }) => (
            <Button
              variant="default"
              onClick={copy}
              leftSection={copied ? <IconCheck size={16} /> : <IconCopy size={16} />}
            >
              {copied ? t("common.copied") : t("common.copy")}
            </Button>
          )}
        </CopyButton>
        <Button onClick={onClose}>{t("common.close")}</Button>
      </Group>
    </Stack>
  );
}
