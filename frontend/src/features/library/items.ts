/** One row of a list: a folder or a document, with a key that is unique among both. */
import type { Document, Folder } from "@/api/types";

export type FolderItem = { type: "folder"; key: string; folder: Folder };
export type DocumentItem = { type: "document"; key: string; document: Document };
export type Item = FolderItem | DocumentItem;

export const folderItem = (folder: Folder): FolderItem => ({
  type: "folder",
  key: `f${folder.id}`,
  folder,
});

export const documentItem = (document: Document): DocumentItem => ({
  type: "document",
  key: `d${document.id}`,
  document,
});

export const nameOf = (item: Item): string =>
  item.type === "folder" ? item.folder.name : item.document.name;

/** The folder an item lies in; null for a cabinet. */
export const parentOf = (item: Item): number | null =>
  item.type === "folder" ? item.folder.parent_id : item.document.folder_id;

const permissionsOf = (item: Item): string[] =>
  item.type === "folder" ? item.folder.permissions : item.document.permissions;

export const canWrite = (item: Item): boolean => permissionsOf(item).includes("write");
export const canMove = (item: Item): boolean => permissionsOf(item).includes("move");
export const canDelete = (item: Item): boolean => permissionsOf(item).includes("delete");
