/** The shapes that travel over the wire, by the names the application uses for them. */

export type Person = { id: number; name: string };
export type Crumb = { id: number; name: string; kind: FolderKind };
export type FolderKind = "cabinet" | "drawer" | "folder";
export type Role = "administrator" | "member";
export type MemberRole = "reader" | "editor";
export type Permission = string;

export type IndexStatus =
  | "pending"
  | "extracting"
  | "indexed"
  | "no_text"
  | "encrypted"
  | "damaged"
  | "unsupported"
  | "failed";

export type Folder = {
  id: number;
  parent_id: number | null;
  kind: FolderKind;
  name: string;
  ancestors: Crumb[];
  created_at: string;
  updated_at: string;
  etag: string;
  child_folder_count: number;
  document_count: number;
  permissions: Permission[];
};

export type Version = {
  id: number;
  number: number;
  size: number;
  sha256: string;
  media_type: string;
  scan_status: "clean" | "unscanned";
  index_status: IndexStatus;
  index_detail: string | null;
  page_count: number | null;
  created_at: string;
  created_by: Person | null;
  comment: string | null;
};

export type PropertyValue = string | number | boolean | null;

export type Document = {
  id: number;
  folder_id: number;
  name: string;
  media_type: string;
  size: number;
  sha256: string;
  created_at: string;
  updated_at: string;
  owner: Person;
  tags: string[];
  properties: Record<string, PropertyValue>;
  status: "active" | "trashed";
  etag: string;
  current_version: Version;
  permissions: Permission[];
  ancestors: Crumb[];
};

export type Page<T> = { items: T[]; next_cursor: string | null };
export type Children = { folders: Folder[]; documents: Document[]; next_cursor: string | null };
export type SortField = "name" | "updated_at" | "created_at" | "size";
export type SortOrder = "asc" | "desc";

export type User = {
  id: number;
  email: string;
  name: string;
  role: Role;
  is_active: boolean;
  created_at: string;
};
export type Member = { user: { id: number; name: string; email: string }; role: MemberRole };

export type Me = {
  user: { id: number; email: string; name: string };
  organisation: { id: number; name: string };
  role: Role;
};

export type SystemInfo = {
  version: string;
  scan: {
    mode: "auto" | "required" | "off";
    state: "scanning" | "unavailable" | "off";
    detail: string | null;
  };
  limits: { max_upload_size: number | null };
};

export type TrashItem = {
  type: "document" | "folder";
  id: number;
  name: string;
  deleted_at: string;
  deleted_by: Person | null;
  purge_at: string | null;
  location: Crumb[];
};

export type ExtractedText = {
  text: string;
  page_count: number | null;
  language: string | null;
  engine: string | null;
  truncated: boolean;
};

export type FacetValue = { value: string; count: number };
export type SearchHit = {
  document: Document;
  snippet: string | null;
  score: number;
  matched: "text" | "name";
};
export type SearchResult = {
  items: SearchHit[];
  total: number;
  total_is_estimate: boolean;
  facets: Record<string, FacetValue[] | undefined>;
  next_cursor: string | null;
};
export type Suggestion = {
  document_id: number;
  name: string;
  folder_id: number;
  ancestors: Crumb[];
};

export type Ticket = { url: string; expires_at: string };
export type AccessToken = { access_token: string; token_type: string; expires_in: number };
