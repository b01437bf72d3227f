/** The shapes that travel over the wire, generated from the API's description, by shorter names. */
import type { components } from "./schema";

type Schemas = components["schemas"];

export type AccessToken = Schemas["TokenOut"];
export type AuditChain = Schemas["ChainStateOut"];
export type AuditEvent = Schemas["EventOut"];
export type Checkpoint = Schemas["CheckpointOut"];
export type Children = Schemas["FolderContents"];
export type Crumb = Schemas["FolderRef"];
export type Document = Schemas["DocumentOut"];
export type ExtractedText = Schemas["TextOut"];
export type Facets = Schemas["Facets"];
export type FaultState = Schemas["FaultState"];
export type Family = Schemas["Family"];
export type Folder = Schemas["FolderOut"];
export type FolderKind = Schemas["FolderKind"];
export type HistoryEntry = Schemas["HistoryEntry"];
export type IndexStatus = Schemas["IndexStatus"];
export type Me = Schemas["MeOut"];
export type Member = Schemas["MemberOut"];
export type MemberRole = Schemas["ShareRole"];
export type PropertyValue = Document["properties"][string];
export type Role = Schemas["Role"];
export type SearchHit = Schemas["SearchItem"];
export type SearchResult = Schemas["SearchResult"];
export type SortField = Schemas["SortBy"];
export type SortOrder = Schemas["Order"];
export type StorageFault = Schemas["FaultOut"];
export type StorageStatus = Schemas["StorageStatus"];
export type StoreCheck = Schemas["CheckOut"];
export type Suggestion = Schemas["Suggestion"];
export type SystemInfo = Schemas["SystemInfo"];
export type Ticket = Schemas["ContentTicket"];
export type TrashItem = Schemas["TrashItem"];
export type User = Schemas["UserOut"];
export type Version = Schemas["VersionOut"];
