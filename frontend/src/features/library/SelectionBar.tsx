/** What can be done to the selected items; takes the place of the page's own actions. */
import { ActionIcon, Button, Group, Text, Tooltip } from "@mantine/core";
import { IconDownload, IconFolderSymlink, IconTrash, IconX } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { openMove, openTrash } from "./dialogs";
import { canDelete, canMove, type Item } from "./items";
import { downloadItems } from "./operations";

type SelectionBarProps = { items: readonly Item[]; onClear: () => void };

/** Browsers ask before a page saves many files; beyond this it is an archive one wants. */
const MAX_DOWNLOADS = 20;

export function SelectionBar({ items, onClear }: SelectionBarProps) {
  const { t } = useTranslation();
  const movable = items.every(
    (item) => canMove(item) && (item.type === "document" || item.folder.parent_id !== null),
  );
  const downloadable =
    items.length <= MAX_DOWNLOADS && items.every((item) => item.type === "document");
  return (
    <Group gap={6} wrap="nowrap" role="toolbar" aria-label={t("library.selectionActions")}>
      <Tooltip label={t("library.clearSelection")}>
        <ActionIcon
          variant="subtle"
          color="gray"
          onClick={onClear}
          aria-label={t("library.clearSelection")}
        >
          <IconX size={16} />
        </ActionIcon>
      </Tooltip>
      <Text
        size="sm"
        fw={550}
        mr={6}
        className="tabular"
        aria-live="polite"
        style={{ whiteSpace: "nowrap" }}
      >
        {t("library.selected", { count: items.length })}
      </Text>
      {downloadable && (
        <Action
          icon={IconDownload}
          label={t("library.download")}
          onClick={() => void downloadItems(items)}
        />
      )}
      {movable && (
        <Action
          icon={IconFolderSymlink}
          label={t("library.move")}
          onClick={() => openMove(items)}
        />
      )}
      {items.every(canDelete) && (
        <Action icon={IconTrash} label={t("library.toTrash")} onClick={() => openTrash(items)} />
      )}
    </Group>
  );
}

type ActionProps = { icon: typeof IconX; label: string; onClick: () => void };

/** A labelled button where there is room, its icon alone where there is not. */
export function Action({ icon: Glyph, label, onClick }: ActionProps) {
  return (
    <>
      <Button
        visibleFrom="sm"
        variant="default"
        leftSection={<Glyph size={15} stroke={1.8} />}
        onClick={onClick}
      >
        {label}
      </Button>
      <Tooltip label={label}>
        <ActionIcon
          hiddenFrom="sm"
          variant="default"
          size={30}
          onClick={onClick}
          aria-label={label}
        >
          <Glyph size={16} stroke={1.8} />
        </ActionIcon>
      </Tooltip>
    </>
  );
}
