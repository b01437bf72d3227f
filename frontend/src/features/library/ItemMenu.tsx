/** The context menu of one or many items, shown where the pointer or the row is. */
import { Menu, Portal } from "@mantine/core";
import {
  IconArrowRight,
  IconCopy,
  IconDownload,
  IconExternalLink,
  IconFolderSymlink,
  IconPencil,
  IconShieldLock,
  IconTrash,
} from "@tabler/icons-react";
import { useNavigate } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { notifyDone } from "@/components/notify";
import { openMove, openRename, openTrash } from "./dialogs";
import { canDelete, canMove, canWrite, type Item } from "./items";
import { downloadItems } from "./operations";

export type MenuPlace = { x: number; y: number; items: readonly Item[] };

type ItemMenuProps = {
  place: MenuPlace | null;
  onClose: () => void;
  onOpen: (item: Item) => void;
};

export const addressOf = (item: Item): string =>
  item.type === "folder" ? `/library/${item.folder.id}` : `/documents/${item.document.id}`;

export function ItemMenu({ place, onClose, onOpen }: ItemMenuProps) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  if (place === null) return null;
  const { items, x, y } = place;
  const single = items.length === 1 ? items[0] : undefined;
  const writable = items.every(canWrite);
  const movable = items.every(
    (one) => canMove(one) && (one.type === "document" || one.folder.parent_id),
  );
  const downloadable = items.every((one) => one.type === "document");
  const toAccess = (item: Item) =>
    item.type === "folder"
      ? navigate({ to: "/access/$kind/$id", params: { kind: "folder", id: item.folder.id } })
      : navigate({
          to: "/documents/$documentId",
          params: { documentId: item.document.id },
          search: { tab: "access" },
        });

  const copyLink = (item: Item) => {
    void navigator.clipboard
      .writeText(location.origin + addressOf(item))
      .then(() => notifyDone(t("library.linkCopied")));
  };

  return (
    <Menu
      opened
      onChange={(opened) => !opened && onClose()}
      position="bottom-start"
      width={210}
      offset={2}
    >
      <Portal>
        <Menu.Target>
          <button
            type="button"
            tabIndex={-1}
            aria-label={t("library.actions")}
            style={{ position: "fixed", left: x, top: y, width: 1, height: 1, opacity: 0 }}
          />
        </Menu.Target>
      </Portal>
      <Menu.Dropdown>
        {single && (
          <>
            <Menu.Item leftSection={<IconArrowRight size={16} />} onClick={() => onOpen(single)}>
              {t("library.open")}
            </Menu.Item>
            <Menu.Item
              component="a"
              href={addressOf(single)}
              target="_blank"
              leftSection={<IconExternalLink size={16} />}
            >
              {t("library.openTab")}
            </Menu.Item>
          </>
        )}
        {downloadable && (
          <Menu.Item
            leftSection={<IconDownload size={16} />}
            onClick={() => void downloadItems(items)}
          >
            {t("library.download")}
          </Menu.Item>
        )}
        {single && (
          <Menu.Item leftSection={<IconCopy size={16} />} onClick={() => copyLink(single)}>
            {t("library.copyLink")}
          </Menu.Item>
        )}
        {single && (
          <Menu.Item
            leftSection={<IconShieldLock size={16} />}
            onClick={() => void toAccess(single)}
          >
            {t("access.title")}
          </Menu.Item>
        )}
        {(writable || movable) && <Menu.Divider />}
        {single && writable && (
          <Menu.Item leftSection={<IconPencil size={16} />} onClick={() => openRename(single)}>
            {t("library.renameEllipsis")}
          </Menu.Item>
        )}
        {movable && (
          <Menu.Item leftSection={<IconFolderSymlink size={16} />} onClick={() => openMove(items)}>
            {t("library.moveEllipsis")}
          </Menu.Item>
        )}
        {items.every(canDelete) && (
          <Menu.Item
            className="danger-item"
            leftSection={<IconTrash size={16} />}
            onClick={() => openTrash(items)}
          >
            {t("library.toTrash")}
          </Menu.Item>
        )}
      </Menu.Dropdown>
    </Menu>
  );
}
