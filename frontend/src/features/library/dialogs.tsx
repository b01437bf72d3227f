/** The small dialogs of the library: new folder, rename, move, delete. */
import { Alert, Button, Group, Stack, Text, TextInput } from "@mantine/core";
import { modals } from "@mantine/modals";
import { useMutation } from "@tanstack/react-query";
import { useRef, useState, type SubmitEvent } from "react";
import { useTranslation } from "react-i18next";
import { createFolder } from "@/api/calls";
import { folderChanged } from "@/api/queries";
import type { FolderKind } from "@/api/types";
import { stemLength } from "@/components/format";
import { useExplain } from "@/components/useExplain";
import { i18next } from "@/i18n";
import { FolderPicker } from "./FolderPicker";
import { nameOf, type Item } from "./items";
import { renameItem, trashItems } from "./operations";

type NameFormProps = {
  initial: string;
  /** How much of the initial name is selected, so that typing keeps the extension. */
  selectLength: number;
  submitLabel: string;
  onSubmit: (name: string) => Promise<unknown>;
  onDone: () => void;
};

function NameForm({ initial, selectLength, submitLabel, onSubmit, onDone }: NameFormProps) {
  const { t } = useTranslation();
  const explain = useExplain();
  const [name, setName] = useState(initial);
  const selected = useRef(false);
  const save = useMutation({ mutationFn: onSubmit, onSuccess: onDone });
  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    const trimmed = name.trim();
    if (trimmed === initial) onDone();
    else if (trimmed) save.mutate(trimmed);
  };
  const failure = save.error ? explain(save.error) : null;
  return (
    <form onSubmit={submit}>
      <Stack gap="md">
        <TextInput
          label={t("library.name")}
          required
          withAsterisk={false}
          maxLength={255}
          data-autofocus
          autoFocus
          onFocus={(event) => {
            // At once, since people type at once; and only once, since later the caret is theirs.
            if (!selected.current) event.currentTarget.setSelectionRange(0, selectLength);
            selected.current = true;
          }}
          value={name}
          error={failure && `${failure.title} ${failure.advice}`}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={onDone}>
            {t("common.cancel")}
          </Button>
          <Button type="submit" loading={save.isPending}>
            {submitLabel}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

export function openRename(item: Item): void {
  const name = nameOf(item);
  const close = () => modals.close("rename");
  modals.open({
    modalId: "rename",
    title: i18next.t("library.rename"),
    children: (
      <NameForm
        initial={name}
        selectLength={item.type === "document" ? stemLength(name) : name.length}
        submitLabel={i18next.t("library.rename")}
        onSubmit={(next) => renameItem(item, next)}
        onDone={close}
      />
    ),
  });
}

export function openNewFolder(parentId: number | null, kind: FolderKind): void {
  const close = () => modals.close("new-folder");
  modals.open({
    modalId: "new-folder",
    title: i18next.t(`library.new.${kind}`),
    children: (
      <NameForm
        initial=""
        selectLength={0}
        submitLabel={i18next.t("common.create")}
        onSubmit={async (name) => {
          await createFolder(name, parentId, kind);
          folderChanged(parentId);
        }}
        onDone={close}
      />
    ),
  });
}

export function openMove(items: readonly Item[]): void {
  modals.open({
    modalId: "move",
    title: i18next.t("library.moveTitle", { count: items.length }),
    children: <FolderPicker items={items} onDone={() => modals.close("move")} />,
  });
}

/** A document can be undone from the message; a whole folder is asked about first. */
export function openTrash(items: readonly Item[]): void {
  const first = items[0];
  if (first === undefined) return;
  if (items.length === 1 && first.type === "document") {
    void trashItems(items);
    return;
  }
  modals.openConfirmModal({
    title: i18next.t("library.trashTitle", { count: items.length, name: nameOf(first) }),
    children: <Text size="sm">{i18next.t("library.trashText", { count: items.length })}</Text>,
    labels: { confirm: i18next.t("library.toTrash"), cancel: i18next.t("common.cancel") },
    confirmProps: { color: "red", "data-autofocus": true },
    onConfirm: () => void trashItems(items),
  });
}

export function ErrorNote({ error }: { error: unknown }) {
  const { title, advice } = useExplain()(error);
  return (
    <Alert color="red" role="alert" title={title}>
      {advice}
    </Alert>
  );
}
