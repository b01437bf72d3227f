/** Choice of the folder to move items to. */
import { Button, Group, ScrollArea, Stack, Text } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { useId, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Folder } from "@/api/types";
import { FolderTree } from "./FolderTree";
import { parentOf, type Item } from "./items";
import { moveItems } from "./operations";

type FolderPickerProps = { items: readonly Item[]; onDone: () => void };

export function FolderPicker({ items, onDone }: FolderPickerProps) {
  const { t } = useTranslation();
  const heading = useId();
  const [target, setTarget] = useState<Folder | null>(null);
  const move = useMutation({
    mutationFn: (folder: Folder) => moveItems(items, folder.id),
    onSuccess: onDone,
  });
  const already = target !== null && items.every((item) => parentOf(item) === target.id);
  const allowed = target?.permissions.includes("create") ?? false;
  return (
    <Stack gap="sm">
      <Text size="sm" c="dimmed" id={heading}>
        {t("library.moveWhere")}
      </Text>
      <ScrollArea h={300} bd="1px solid var(--app-line)" p={6} style={{ borderRadius: 6 }}>
        <FolderTree labelledBy={heading} onPick={setTarget} picked={target?.id ?? null} />
      </ScrollArea>
      <Text size="xs" c="dimmed" aria-live="polite" mih={18}>
        {already && t("library.alreadyThere")}
        {target && !allowed && t("library.notAllowedThere")}
      </Text>
      <Group justify="flex-end" gap="xs">
        <Button variant="default" onClick={onDone}>
          {t("common.cancel")}
        </Button>
        <Button
          disabled={!target || already || !allowed}
          loading={move.isPending}
          onClick={() => target && move.mutate(target)}
        >
          {target ? t("library.moveTo", { name: target.name }) : t("library.move")}
        </Button>
      </Group>
    </Stack>
  );
}
