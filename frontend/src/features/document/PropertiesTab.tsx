/** What is known about a document: facts, tags, and the properties people give it. */
import {
  ActionIcon,
  Badge,
  Button,
  CopyButton,
  Divider,
  Group,
  Stack,
  TagsInput,
  Text,
  TextInput,
  Title,
  Tooltip,
} from "@mantine/core";
import { IconCheck, IconCopy, IconPlus, IconX } from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";
import { useState, type SubmitEvent, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { updateDocument, type DocumentChange } from "@/api/calls";
import { ApiProblem } from "@/api/problem";
import { folderChanged, keys, queryClient } from "@/api/queries";
import type { Document, PropertyValue, Version } from "@/api/types";
import { formatCount, formatDateTime, formatSize } from "@/components/format";
import { familyOf } from "@/components/mediaFamily";
import { notifyError } from "@/components/notify";
import { Related } from "@/features/duplicates/Related";
import { AboutFile } from "./AboutFile";
import { CameIn } from "./CameIn";
import classes from "./DocumentPage.module.css";
import { WorkProgress } from "./WorkProgress";

type TabProps = { document: Document; version: Version };

/** What a change makes of the newest state known; an earlier one may still be on its way. */
type Change = (current: Document) => DocumentChange;

/**
 * Saves against the state that is shown, so that nobody's change is lost; one's own changes go one
 * after the other, so that they do not make each other stale.
 */
function useChange(document: Document) {
  const key = keys.document(document.id);
  return useMutation({
    scope: { id: `document-${document.id}` },
    mutationFn: (change: Change) => {
      const current = queryClient.getQueryData<Document>(key) ?? document;
      return updateDocument(document.id, change(current), current.etag);
    },
    onSuccess: (saved) => {
      queryClient.setQueryData(key, saved);
      folderChanged(saved.folder_id);
    },
    onError: (error) => {
      notifyError(error);
      if (error instanceof ApiProblem && error.status === 412) {
        void queryClient.invalidateQueries({ queryKey: key });
      }
    },
  });
}

export function PropertiesTab({ document, version }: TabProps) {
  return (
    <Stack gap="lg">
      <Tags document={document} />
      <CustomProperties document={document} />
      <Divider />
      <Facts document={document} version={version} />
      <AboutFile document={document} version={version} />
      {document.status === "active" && <Related documentId={document.id} />}
    </Stack>
  );
}

function Tags({ document }: { document: Document }) {
  const { t } = useTranslation();
  const change = useChange(document);
  if (!document.permissions.includes("write")) {
    return document.tags.length === 0 ? null : (
      <Group gap={6}>
        {document.tags.map((tag) => (
          <Badge key={tag} color="gray">
            {tag}
          </Badge>
        ))}
      </Group>
    );
  }
  const pending = change.isPending ? change.variables(document).tags : null;
  const shown = pending ?? document.tags;
  return (
    <TagsInput
      label={t("properties.tags")}
      placeholder={shown.length === 0 ? t("properties.addTag") : ""}
      size="xs"
      clearable={false}
      maxLength={100}
      value={shown}
      onChange={(tags) => change.mutate(() => ({ tags }))}
    />
  );
}

function CustomProperties({ document }: { document: Document }) {
  const { t } = useTranslation();
  const change = useChange(document);
  const [adding, setAdding] = useState(false);
  const writable = document.permissions.includes("write");
  const entries = Object.entries(document.properties);
  const save = (name: string, value: PropertyValue) =>
    change.mutateAsync(({ properties }) => ({ properties: { ...properties, [name]: value } }));
  const remove = (name: string) =>
    change.mutateAsync(({ properties: { [name]: _removed, ...properties } }) => ({ properties }));

  return (
    <Stack gap={8}>
      <Group justify="space-between">
        <Title order={2} fz="sm">
          {t("properties.custom")}
        </Title>
        {writable && !adding && (
          <Button
            variant="subtle"
            size="compact-xs"
            leftSection={<IconPlus size={14} />}
            onClick={() => setAdding(true)}
          >
            {t("properties.add")}
          </Button>
        )}
      </Group>
      {entries.length === 0 && !adding && (
        <Text size="xs" c="dimmed">
          {t("properties.none")}
        </Text>
      )}
      {entries.map(([name, value]) => (
        <PropertyRow
          key={`${name}:${String(value)}`}
          name={name}
          value={value}
          writable={writable}
          onSave={(next) => save(name, next)}
          onRemove={() => remove(name)}
        />
      ))}
      {adding && (
        <NewProperty
          onCancel={() => setAdding(false)}
          onSave={(name, value) => save(name, value).then(() => setAdding(false))}
        />
      )}
    </Stack>
  );
}

type PropertyRowProps = {
  name: string;
  value: PropertyValue;
  writable: boolean;
  onSave: (value: PropertyValue) => Promise<unknown>;
  onRemove: () => Promise<unknown>;
};

/** What is typed keeps the type it had: a number stays a number, yes and no stay a boolean. */
function parseLike(old: PropertyValue, text: string): PropertyValue {
  if (typeof old === "number" && text.trim() !== "" && Number.isFinite(Number(text))) {
    return Number(text);
  }
  if (typeof old === "boolean" && (text === "true" || text === "false")) return text === "true";
  return text;
}

function PropertyRow({ name, value, writable, onSave, onRemove }: PropertyRowProps) {
  const { t } = useTranslation();
  const original = value === null ? "" : String(value);
  const [text, setText] = useState(original);
  const save = () => {
    if (text !== original) onSave(parseLike(value, text)).catch(() => setText(original));
  };
  return (
    <Group gap={6} wrap="nowrap" align="center">
      <Text size="sm" c="dimmed" w={112} truncate title={name}>
        {name}
      </Text>
      {writable ? (
        <>
          <TextInput
            size="xs"
            style={{ flex: 1 }}
            aria-label={name}
            value={text}
            onChange={(event) => setText(event.currentTarget.value)}
            onBlur={save}
            onKeyDown={(event) => {
              if (event.key === "Enter") save();
              if (event.key === "Escape") setText(original);
            }}
          />
          <ActionIcon
            variant="subtle"
            color="gray"
            size="sm"
            aria-label={t("properties.removeOf", { name })}
            onClick={() => void onRemove()}
          >
            <IconX size={14} />
          </ActionIcon>
        </>
      ) : (
        <Text size="sm">{original}</Text>
      )}
    </Group>
  );
}

type NewPropertyProps = {
  onSave: (name: string, value: string) => Promise<unknown>;
  onCancel: () => void;
};

function NewProperty({ onSave, onCancel }: NewPropertyProps) {
  const { t } = useTranslation();
  const [name, setName] = useState("");
  const [value, setValue] = useState("");
  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    // The failure was told by the mutation; the form stays as it is.
    onSave(name.trim(), value).catch(() => undefined);
  };
  return (
    <form onSubmit={submit}>
      <Group gap={6} wrap="nowrap">
        <TextInput
          size="xs"
          w={112}
          required
          autoFocus
          aria-label={t("properties.name")}
          placeholder={t("properties.name")}
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <TextInput
          size="xs"
          style={{ flex: 1 }}
          aria-label={t("properties.value")}
          placeholder={t("properties.value")}
          value={value}
          onChange={(event) => setValue(event.currentTarget.value)}
        />
        <ActionIcon type="submit" variant="light" size="md" aria-label={t("common.save")}>
          <IconCheck size={15} />
        </ActionIcon>
        <ActionIcon
          variant="subtle"
          color="gray"
          size="md"
          aria-label={t("common.cancel")}
          onClick={onCancel}
        >
          <IconX size={15} />
        </ActionIcon>
      </Group>
    </form>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  );
}

const INDEX_COLORS = {
  pending: "gray",
  extracting: "blue",
  indexed: "teal",
  no_text: "gray",
  encrypted: "yellow",
  damaged: "orange",
  unsupported: "gray",
  failed: "red",
} as const;

const SCAN_COLORS = {
  clean: "teal",
  unscanned: "yellow",
  quarantined: "red",
  released: "yellow",
} as const;

function Facts({ document, version }: TabProps) {
  const { t } = useTranslation();
  return (
    <dl className={classes.facts}>
      <Fact name={t("facts.search")}>
        <Badge color={INDEX_COLORS[version.index_status]}>
          {t(`index.${version.index_status}`)}
        </Badge>
        {version.index_detail && (
          <Text size="xs" c="dimmed" mt={4}>
            {version.index_detail}
          </Text>
        )}
        <WorkProgress document={document} version={version} />
      </Fact>
      <Fact name={t("facts.viruses")}>
        <Badge color={SCAN_COLORS[version.scan_status]}>{t(`scan.${version.scan_status}`)}</Badge>
        {version.scan_detail && (
          <Text size="xs" c="dimmed" mt={4} style={{ overflowWrap: "anywhere" }}>
            {version.scan_detail}
          </Text>
        )}
      </Fact>
      <Fact name={t("facts.type")}>
        <span title={version.media_type}>
          {t(`family.${familyOf(version.media_type, document.name)}`)}
        </span>
      </Fact>
      <Fact name={t("facts.size")}>
        <span title={t("facts.bytes", { formatted: formatCount(version.size) })}>
          {formatSize(version.size)}
        </span>
      </Fact>
      {version.page_count !== null && (
        <Fact name={t("facts.pages")}>{formatCount(version.page_count)}</Fact>
      )}
      <Fact name={t("facts.version")}>{version.number}</Fact>
      <Fact name={t("facts.owner")}>{document.owner.name}</Fact>
      <CameIn document={document} />
      <Fact name={t("facts.created")}>{formatDateTime(document.created_at)}</Fact>
      <Fact name={t("facts.modified")}>
        {formatDateTime(document.updated_at)}, {version.created_by.name}
      </Fact>
      <Fact name="SHA-256">
        <Group gap={4} wrap="nowrap">
          <Text span ff="monospace" fz="xs" truncate title={version.sha256}>
            {version.sha256}
          </Text>
          <CopyButton value={version.sha256}>
            {({ copied, copy }) => (
              <Tooltip label={copied ? t("common.copied") : t("common.copy")}>
                <ActionIcon
                  variant="subtle"
                  color={copied ? "teal" : "gray"}
                  size="sm"
                  aria-label={t("facts.copyDigest")}
                  onClick={copy}
                >
                  {copied ? <IconCheck size={14} /> : <IconCopy size={14} />}
                </ActionIcon>
              </Tooltip>
            )}
          </CopyButton>
        </Group>
      </Fact>
    </dl>
  );
}
