/**
 * Every request the application makes, one small function each, typed by the wire shapes.
 * Knows URLs; knows nothing of React, caching or messages.
 */
import { apiFetchOk } from "./http";
import type {
  Children,
  Document,
  ExtractedText,
  Folder,
  FolderKind,
  Me,
  Member,
  MemberRole,
  Page,
  PropertyValue,
  Role,
  SearchResult,
  SortField,
  SortOrder,
  Suggestion,
  SystemInfo,
  Ticket,
  TrashItem,
  User,
  Version,
} from "./types";

const BASE = "/api/v1";
/** The largest page the service gives. */
export const PAGE_SIZE = 200;

type Query = Record<string, string | number | readonly string[] | null | undefined>;

function url(path: string, query: Query = {}): string {
  const params = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) {
    if (value === null || value === undefined || value === "") continue;
    if (typeof value === "object") for (const one of value) params.append(key, one);
    else params.set(key, String(value));
  }
  const text = params.toString();
  return text ? `${BASE}${path}?${text}` : `${BASE}${path}`;
}

async function get<T>(path: string, query?: Query, signal?: AbortSignal): Promise<T> {
  const response = await apiFetchOk(url(path, query), signal ? { signal } : {});
  return (await response.json()) as T;
}

async function send<T>(
  method: "POST" | "PUT" | "PATCH" | "DELETE",
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<T> {
  const init: RequestInit = { method, headers };
  if (body !== undefined) {
    init.body = JSON.stringify(body);
    init.headers = { ...headers, "Content-Type": "application/json" };
  }
  const response = await apiFetchOk(url(path), init);
  return (response.status === 204 ? undefined : await response.json()) as T;
}

const ifMatch = (etag?: string): Record<string, string> => (etag ? { "If-Match": etag } : {});

// Who is asking, and the service itself
export const getMe = () => get<Me>("/me");
export const getSystem = () => get<SystemInfo>("/system");
export const changePassword = (current_password: string, new_password: string) =>
  send<undefined>("POST", "/me/password", { current_password, new_password });

// Users
export const listUsers = (cursor?: string) =>
  get<Page<User>>("/users", { limit: PAGE_SIZE, cursor });
export type NewUser = { email: string; name: string; password: string; role: Role };
export const createUser = (user: NewUser) => send<User>("POST", "/users", user);
export type UserChange = { name?: string; role?: Role; is_active?: boolean; password?: string };
export const updateUser = (id: number, change: UserChange) =>
  send<User>("PATCH", `/users/${id}`, change);

// Folders
export const listCabinets = (cursor?: string) =>
  get<Page<Folder>>("/folders", { limit: PAGE_SIZE, cursor });
export const getFolder = (id: number) => get<Folder>(`/folders/${id}`);
export type ChildrenQuery = {
  sort?: SortField;
  order?: SortOrder;
  limit?: number;
  cursor?: string;
};
export const listChildren = (id: number, query: ChildrenQuery = {}) =>
  get<Children>(`/folders/${id}/children`, { limit: PAGE_SIZE, ...query });
export const createFolder = (name: string, parent_id: number | null, kind?: FolderKind) =>
  send<Folder>("POST", "/folders", { name, parent_id, ...(kind ? { kind } : {}) });
export const updateFolder = (id: number, change: { name?: string; parent_id?: number }) =>
  send<Folder>("PATCH", `/folders/${id}`, change);
export const trashFolder = (id: number) => send<undefined>("DELETE", `/folders/${id}`);
export const restoreFolder = (id: number) => send<Folder>("POST", `/folders/${id}/restore`);
export const listMembers = async (id: number): Promise<Member[]> => {
  const answer = await get<Member[] | Page<Member>>(`/folders/${id}/members`);
  return Array.isArray(answer) ? answer : answer.items;
};
export const setMember = (folderId: number, userId: number, role: MemberRole) =>
  send<Member>("PUT", `/folders/${folderId}/members/${userId}`, { role });
export const removeMember = (folderId: number, userId: number) =>
  send<undefined>("DELETE", `/folders/${folderId}/members/${userId}`);

// Documents
export const getDocument = (id: number) => get<Document>(`/documents/${id}`);
export const listRecent = (cursor?: string) =>
  get<Page<Document>>("/documents/recent", { limit: 30, cursor });
export type DocumentChange = {
  name?: string;
  folder_id?: number;
  tags?: string[];
  properties?: Record<string, PropertyValue>;
};
export const updateDocument = (id: number, change: DocumentChange, etag?: string) =>
  send<Document>("PATCH", `/documents/${id}`, change, ifMatch(etag));
export const trashDocument = (id: number) => send<undefined>("DELETE", `/documents/${id}`);
export const restoreDocument = (id: number, onConflict?: "rename") =>
  send<Document>("POST", `/documents/${id}/restore${onConflict ? "?on_conflict=rename" : ""}`);
export const reindexDocument = (id: number) => send<Document>("POST", `/documents/${id}/reindex`);
export const listVersions = async (id: number): Promise<Version[]> => {
  const answer = await get<Version[] | Page<Version>>(`/documents/${id}/versions`);
  return Array.isArray(answer) ? answer : answer.items;
};
export const restoreVersion = (id: number, number: number) =>
  send<Document>("POST", `/documents/${id}/versions/${number}/restore`);
export const getText = (id: number, version?: number) =>
  get<ExtractedText>(`/documents/${id}/text`, { version });
export const contentPath = (id: number, version: number) =>
  url(`/documents/${id}/content`, { version });
export const contentTicket = (
  id: number,
  version: number | undefined,
  disposition: "inline" | "attachment",
) => send<Ticket>("POST", `/documents/${id}/content-ticket`, { version, disposition });

// Trash
export const listTrash = (cursor?: string) =>
  get<Page<TrashItem>>("/trash", { limit: 100, cursor });
export const purge = (item: Pick<TrashItem, "type" | "id">) =>
  send<undefined>("DELETE", `/trash/${item.type}s/${item.id}`);

// Search
export type SearchQuery = {
  q: string;
  folder_id?: number;
  type?: string;
  tag?: string;
  owner?: string;
  created_after?: string;
  created_before?: string;
  sort?: "relevance" | "newest";
  cursor?: string;
};
export const search = (query: SearchQuery, signal?: AbortSignal) =>
  get<SearchResult>("/search", { limit: 30, ...query }, signal);
export const suggest = async (q: string, signal?: AbortSignal) =>
  (await get<{ items: Suggestion[] }>("/search/suggest", { q }, signal)).items;

// Live events
export const liveTicket = () => send<{ ticket: string; expires_in: number }>("POST", "/ws/ticket");
