/**
 * Every request the application makes, one small function each, through the client generated from
 * the API's description. Knows nothing of React, caching or messages.
 */
import createClient from "openapi-fetch";
import { apiFetch, apiFetchOk } from "./http";
import { problemFromBody } from "./problem";
import type { components, operations, paths } from "./schema";
import type { FolderKind, Resource } from "./types";

const client = createClient<paths>({ baseUrl: location.origin, fetch: apiFetch });

/** The largest page the service gives. */
export const PAGE_SIZE = 200;

type Answer<T> = { data?: T; error?: unknown; response: Response };

/** The answer's data; throws {@link ApiProblem} for a refusal. */
async function ok<T>(asked: Promise<Answer<T>>): Promise<T> {
  const { data, error, response } = await asked;
  if (!response.ok) throw problemFromBody(response, error);
  return data as T;
}

type Schemas = components["schemas"];
type QueryOf<Name extends keyof operations> = NonNullable<operations[Name]["parameters"]["query"]>;

const inFolder = (folder_id: number) => ({ path: { folder_id } });
const ofDocument = (document_id: number) => ({ path: { document_id } });
const page = (cursor: string | undefined, limit: number = PAGE_SIZE) => ({
  params: { query: { limit, ...(cursor === undefined ? {} : { cursor }) } },
});

// Who is asking, and the service itself
export const getMe = () => ok(client.GET("/api/v1/me"));
export const getSystem = () => ok(client.GET("/api/v1/system"));
export const changePassword = (current_password: string, new_password: string) =>
  ok(client.POST("/api/v1/me/password", { body: { current_password, new_password } }));

// How one signs in
export const listProviders = () => ok(client.GET("/api/v1/auth/providers"));
export const linkProvider = (provider_id: string) =>
  ok(client.POST("/api/v1/me/identities/{provider_id}", { params: { path: { provider_id } } }));
export const getSecondFactor = () => ok(client.GET("/api/v1/me/second-factor"));
export const beginAuthenticator = () => ok(client.POST("/api/v1/me/authenticator"));
export const confirmAuthenticator = (code: string) =>
  ok(client.POST("/api/v1/me/authenticator/confirm", { body: { code } }));
export const removeAuthenticator = (code: string) =>
  ok(client.POST("/api/v1/me/authenticator/remove", { body: { code } }));
export const replaceRecoveryCodes = (code: string) =>
  ok(client.POST("/api/v1/me/recovery-codes", { body: { code } }));
export const listPasskeys = () => ok(client.GET("/api/v1/me/passkeys"));
export const beginPasskey = () => ok(client.POST("/api/v1/me/passkeys/begin"));
export const addPasskey = (body: Schemas["PasskeyCreate"]) =>
  ok(client.POST("/api/v1/me/passkeys", { body }));
export const removePasskey = (passkey_id: number) =>
  ok(client.DELETE("/api/v1/me/passkeys/{passkey_id}", { params: { path: { passkey_id } } }));
export type ApiKeyCreate = Schemas["ApiKeyCreate"];
export const listApiKeys = () => ok(client.GET("/api/v1/me/api-keys"));
export const createApiKey = (body: ApiKeyCreate) =>
  ok(client.POST("/api/v1/me/api-keys", { body }));
export const revokeApiKey = (key_id: number) =>
  ok(client.DELETE("/api/v1/me/api-keys/{key_id}", { params: { path: { key_id } } }));

// How others sign in, as administrators see it
export const getSignInPolicy = () => ok(client.GET("/api/v1/sign-in-policy"));
export const setSignInPolicy = (second_factor: Schemas["RequiredOf"]) =>
  ok(client.PUT("/api/v1/sign-in-policy", { body: { second_factor } }));
export const resetSecondFactor = (user_id: number) =>
  ok(client.DELETE("/api/v1/users/{user_id}/second-factor", { params: { path: { user_id } } }));
export const listAllApiKeys = (query: QueryOf<"listApiKeys">) =>
  ok(client.GET("/api/v1/api-keys", { params: { query: { limit: 50, ...query } } }));
export const revokeAnyApiKey = (key_id: number) =>
  ok(client.DELETE("/api/v1/api-keys/{key_id}", { params: { path: { key_id } } }));
export const listServiceAccounts = (cursor?: string) =>
  ok(client.GET("/api/v1/service-accounts", page(cursor)));
export const createServiceAccount = (name: string) =>
  ok(client.POST("/api/v1/service-accounts", { body: { name } }));
export const listServiceAccountKeys = (user_id: number) =>
  ok(client.GET("/api/v1/service-accounts/{user_id}/keys", { params: { path: { user_id } } }));
export const createServiceAccountKey = (user_id: number, body: ApiKeyCreate) =>
  ok(
    client.POST("/api/v1/service-accounts/{user_id}/keys", { params: { path: { user_id } }, body }),
  );
export const rotateServiceAccountKey = (user_id: number, key_id: number, overlap_seconds: number) =>
  ok(
    client.POST("/api/v1/service-accounts/{user_id}/keys/{key_id}/rotate", {
      params: { path: { user_id, key_id } },
      body: { overlap_seconds },
    }),
  );

// Users
export const listUsers = (cursor?: string) => ok(client.GET("/api/v1/users", page(cursor)));
export const listPeople = (cursor?: string) =>
  ok(
    client.GET("/api/v1/users", {
      params: { query: { ...page(cursor).params.query, kind: "person" } },
    }),
  );
export const createUser = (body: Schemas["UserCreate"]) =>
  ok(client.POST("/api/v1/users", { body }));
export type UserChange = Schemas["UserUpdate"];
export const updateUser = (user_id: number, body: UserChange) =>
  ok(client.PATCH("/api/v1/users/{user_id}", { params: { path: { user_id } }, body }));

export const listUserSessions = (user_id: number) =>
  ok(client.GET("/api/v1/users/{user_id}/sessions", { params: { path: { user_id } } }));
export const endUserSession = (user_id: number, session_id: string) =>
  ok(
    client.DELETE("/api/v1/users/{user_id}/sessions/{session_id}", {
      params: { path: { user_id, session_id } },
    }),
  );
export const endUserSessions = (user_id: number) =>
  ok(client.DELETE("/api/v1/users/{user_id}/sessions", { params: { path: { user_id } } }));

// Where one is signed in, and where one belongs
export const listMySessions = () => ok(client.GET("/api/v1/me/sessions"));
export const endMySession = (session_id: string) =>
  ok(client.DELETE("/api/v1/me/sessions/{session_id}", { params: { path: { session_id } } }));
export const endMyOtherSessions = () => ok(client.DELETE("/api/v1/me/sessions"));
export const listMyOrganisations = () => ok(client.GET("/api/v1/me/organisations"));

// Invitations
export const listInvitations = (cursor?: string) =>
  ok(client.GET("/api/v1/invitations", page(cursor, 50)));
export const createInvitation = (body: Schemas["InvitationCreate"]) =>
  ok(client.POST("/api/v1/invitations", { body }));
const ofInvitation = (invitation_id: number) => ({ params: { path: { invitation_id } } });
export const resendInvitation = (id: number) =>
  ok(client.POST("/api/v1/invitations/{invitation_id}/resend", ofInvitation(id)));
export const revokeInvitation = (id: number) =>
  ok(client.DELETE("/api/v1/invitations/{invitation_id}", ofInvitation(id)));
export const openInvitation = (token: string) =>
  ok(client.POST("/api/v1/auth/invitation/open", { body: { token } }));
export const acceptInvitationAsMe = (token: string) =>
  ok(client.POST("/api/v1/me/invitation", { body: { token } }));

// Forgotten passwords
export const requestPasswordReset = (email: string, language: Schemas["Language"]) =>
  ok(client.POST("/api/v1/auth/password-reset", { body: { email, language } }));
export const redeemPasswordReset = (token: string, password: string) =>
  ok(client.POST("/api/v1/auth/password-reset/redeem", { body: { token, password } }));

// Groups
const ofGroup = (group_id: number) => ({ path: { group_id } });
export const listGroups = (cursor?: string) => ok(client.GET("/api/v1/groups", page(cursor)));
export const createGroup = (body: Schemas["GroupCreate"]) =>
  ok(client.POST("/api/v1/groups", { body }));
export const updateGroup = (id: number, body: Schemas["GroupUpdate"]) =>
  ok(client.PATCH("/api/v1/groups/{group_id}", { params: ofGroup(id), body }));
export const groupDependents = (id: number) =>
  ok(client.GET("/api/v1/groups/{group_id}/dependents", { params: ofGroup(id) }));
export const deleteGroup = (id: number) =>
  ok(
    client.DELETE("/api/v1/groups/{group_id}", {
      params: { ...ofGroup(id), query: { with_dependents: true } },
    }),
  );
export const listGroupMembers = (id: number, cursor?: string) =>
  ok(
    client.GET("/api/v1/groups/{group_id}/members", {
      params: { ...ofGroup(id), ...page(cursor).params },
    }),
  );
export const addGroupMember = (group_id: number, principal: string) =>
  ok(
    client.PUT("/api/v1/groups/{group_id}/members/{principal}", {
      params: { path: { group_id, principal } },
    }),
  );
export const removeGroupMember = (group_id: number, principal: string) =>
  ok(
    client.DELETE("/api/v1/groups/{group_id}/members/{principal}", {
      params: { path: { group_id, principal } },
    }),
  );

// Folders
export const listCabinets = (cursor?: string) => ok(client.GET("/api/v1/folders", page(cursor)));
export const getFolder = (id: number) =>
  ok(client.GET("/api/v1/folders/{folder_id}", { params: inFolder(id) }));
export const listChildren = (id: number, query: QueryOf<"listFolder"> = {}) =>
  ok(
    client.GET("/api/v1/folders/{folder_id}/children", {
      params: { ...inFolder(id), query: { limit: PAGE_SIZE, ...query } },
    }),
  );
export const createFolder = (name: string, parent_id: number | null, kind: FolderKind) =>
  ok(client.POST("/api/v1/folders", { body: { name, parent_id, kind } }));
export const updateFolder = (id: number, body: Schemas["FolderUpdate"]) =>
  ok(client.PATCH("/api/v1/folders/{folder_id}", { params: inFolder(id), body }));
export const trashFolder = (id: number) =>
  ok(client.DELETE("/api/v1/folders/{folder_id}", { params: inFolder(id) }));
export const restoreFolder = (id: number) =>
  ok(client.POST("/api/v1/folders/{folder_id}/restore", { params: inFolder(id) }));

// Documents
export const getDocument = (id: number) =>
  ok(client.GET("/api/v1/documents/{document_id}", { params: ofDocument(id) }));
export const listRecent = () => ok(client.GET("/api/v1/documents/recent", page(undefined, 30)));
export type DocumentChange = Schemas["DocumentUpdate"];
export const updateDocument = (id: number, body: DocumentChange, etag?: string) =>
  ok(
    client.PATCH("/api/v1/documents/{document_id}", {
      params: {
        ...ofDocument(id),
        ...(etag === undefined ? {} : { header: { "if-match": etag } }),
      },
      body,
    }),
  );
export const trashDocument = (id: number) =>
  ok(client.DELETE("/api/v1/documents/{document_id}", { params: ofDocument(id) }));
export const restoreDocument = (id: number, onConflict: "error" | "rename" = "error") =>
  ok(
    client.POST("/api/v1/documents/{document_id}/restore", {
      params: { ...ofDocument(id), query: { on_conflict: onConflict } },
    }),
  );
export const reindexDocument = (id: number) =>
  ok(client.POST("/api/v1/documents/{document_id}/reindex", { params: ofDocument(id) }));
export const listVersions = (id: number) =>
  ok(client.GET("/api/v1/documents/{document_id}/versions", { params: ofDocument(id) }));
export const restoreVersion = (document_id: number, number: number) =>
  ok(
    client.POST("/api/v1/documents/{document_id}/versions/{number}/restore", {
      params: { path: { document_id, number } },
    }),
  );
export const getText = (id: number, version: number) =>
  ok(
    client.GET("/api/v1/documents/{document_id}/text", {
      params: { ...ofDocument(id), query: { version } },
    }),
  );
export const getMetadata = (id: number, version: number) =>
  ok(
    client.GET("/api/v1/documents/{document_id}/metadata", {
      params: { ...ofDocument(id), query: { version } },
    }),
  );
export const getPreviewPages = (id: number, version: number) =>
  ok(
    client.GET("/api/v1/documents/{document_id}/preview/pages", {
      params: { ...ofDocument(id), query: { version } },
    }),
  );
export const remakePreview = (id: number, version: number) =>
  ok(
    client.POST("/api/v1/documents/{document_id}/preview", {
      params: { ...ofDocument(id), query: { version } },
    }),
  );
export const listPages = (id: number, version: number) =>
  ok(
    client.GET("/api/v1/documents/{document_id}/pages", {
      params: { ...ofDocument(id), query: { version } },
    }),
  );
/** How often a search is found on each of the pages one looks at. */
export const countOnPages = (id: number, version: number, q: string) =>
  ok(
    client.GET("/api/v1/documents/{document_id}/pages", {
      params: { ...ofDocument(id), query: { version, q, shown: true } },
    }),
  );
/** The words of a page one looks at. */
export const getPageWords = (id: number, version: number, number: number, q: string) =>
  ok(
    client.GET("/api/v1/documents/{document_id}/pages/{number}/words", {
      params: { path: { document_id: id, number }, query: { version, q, shown: true } },
    }),
  );
export type PageWords = Awaited<ReturnType<typeof getPageWords>>;
const SHORTEST_WAIT_MS = 300;
const LONGEST_WAIT_MS = 5_000;
/** A page as a picture; while it is being drawn, it is asked for again and again. */
export async function getPicture(
  id: number,
  version: number,
  page: number,
  size: Schemas["Size"],
  signal: AbortSignal,
): Promise<Blob> {
  const path = `/api/v1/documents/${id}/preview?version=${version}&page=${page}&size=${size}`;
  for (let wait = SHORTEST_WAIT_MS; ; wait = Math.min(wait * 1.5, LONGEST_WAIT_MS)) {
    const response = await apiFetchOk(path, { signal });
    if (response.status !== 202) return response.blob();
    await new Promise((resolve) => setTimeout(resolve, wait));
    signal.throwIfAborted();
  }
}
export const getTextAsOf = (id: number, version: number, layer: number) =>
  ok(
    client.GET("/api/v1/documents/{document_id}/text", {
      params: { ...ofDocument(id), query: { version, layer } },
    }),
  );
export const correctText = (id: number, etag: string, body: Schemas["TextCorrection"]) =>
  ok(
    client.PUT("/api/v1/documents/{document_id}/text", {
      params: { ...ofDocument(id), header: { "if-match": etag } },
      body,
    }),
  );
export const listTextLayers = (id: number, version: number) =>
  ok(
    client.GET("/api/v1/documents/{document_id}/text/layers", {
      params: { ...ofDocument(id), query: { version } },
    }),
  );
export const restoreTextLayer = (document_id: number, number: number, etag: string) =>
  ok(
    client.POST("/api/v1/documents/{document_id}/text/layers/{number}/restore", {
      params: { path: { document_id, number }, header: { "if-match": etag } },
    }),
  );
export const recogniseDocument = (id: number, body: Schemas["OcrRequest"]) =>
  ok(client.POST("/api/v1/documents/{document_id}/ocr", { params: ofDocument(id), body }));
export const getTextSettings = () => ok(client.GET("/api/v1/text-settings"));
export const changeTextSettings = (languages: string[]) =>
  ok(client.PUT("/api/v1/text-settings", { body: { languages } }));
export const contentPath = (id: number, version: number): string =>
  `/api/v1/documents/${id}/content?version=${version}`;
export const contentTicket = (
  id: number,
  version: number | null,
  disposition: Schemas["Disposition"],
) =>
  ok(
    client.POST("/api/v1/documents/{document_id}/content-ticket", {
      params: ofDocument(id),
      body: { version, disposition },
    }),
  );

// Uploads, before they begin
export const checkUploads = async (body: Schemas["UploadCheckIn"]) =>
  (await ok(client.POST("/api/v1/uploads/check", { body }))).files;

// Duplicates
export const findSameContent = async (sha256: string[]) =>
  (await ok(client.POST("/api/v1/documents/same-content", { body: { sha256 } }))).items;
export const getOrigin = async (id: number) =>
  (await ok(client.GET("/api/v1/documents/{document_id}/origin", { params: ofDocument(id) })))
    .origin;
export const getRelated = (id: number) =>
  ok(client.GET("/api/v1/documents/{document_id}/related", { params: ofDocument(id) }));
export const listDuplicates = (cursor?: string) =>
  ok(client.GET("/api/v1/duplicates", page(cursor, 20)));

// Access
export const listGrants = ({ kind, id }: Resource) =>
  kind === "folder"
    ? ok(client.GET("/api/v1/folders/{folder_id}/grants", { params: inFolder(id) }))
    : ok(client.GET("/api/v1/documents/{document_id}/grants", { params: ofDocument(id) }));
export const giveGrant = ({ kind, id }: Resource, body: Schemas["GrantIn"]) =>
  kind === "folder"
    ? ok(client.POST("/api/v1/folders/{folder_id}/grants", { params: inFolder(id), body }))
    : ok(client.POST("/api/v1/documents/{document_id}/grants", { params: ofDocument(id), body }));
export const revokeGrant = ({ kind, id }: Resource, grant_id: number, reason?: string) => {
  const query = { ...(reason !== undefined && { reason }) };
  return kind === "folder"
    ? ok(
        client.DELETE("/api/v1/folders/{folder_id}/grants/{grant_id}", {
          params: { path: { folder_id: id, grant_id }, query },
        }),
      )
    : ok(
        client.DELETE("/api/v1/documents/{document_id}/grants/{grant_id}", {
          params: { path: { document_id: id, grant_id }, query },
        }),
      );
};
export const findPrincipals = (q: string) =>
  ok(client.GET("/api/v1/access/principals", { params: { query: { q, limit: 20 } } }));
export const getAccessResource = (resource: string) =>
  ok(client.GET("/api/v1/access/resource", { params: { query: { resource } } }));
export const getEffectiveAccess = (principal: string, resource: string) =>
  ok(client.GET("/api/v1/access/effective", { params: { query: { principal, resource } } }));
export const explainAccess = (query: QueryOf<"explainAccess">) =>
  ok(client.GET("/api/v1/access/explain", { params: { query } }));
export const whoCan = (action: string, resource: string) =>
  ok(client.GET("/api/v1/access/who-can", { params: { query: { action, resource, limit: 100 } } }));
export const simulateAccess = (body: Schemas["SimulationIn"]) =>
  ok(client.POST("/api/v1/access/simulate", { body }));
export const listAllCabinets = (cursor?: string) =>
  ok(client.GET("/api/v1/access/cabinets", page(cursor)));

// Policies
const ofPolicy = (policy_id: number) => ({ path: { policy_id } });
export const listPolicies = (cursor?: string) => ok(client.GET("/api/v1/policies", page(cursor)));
export const getPolicy = (id: number) =>
  ok(client.GET("/api/v1/policies/{policy_id}", { params: ofPolicy(id) }));
export const createPolicy = (body: Schemas["PolicyIn"]) =>
  ok(client.POST("/api/v1/policies", { body }));
export const updatePolicy = (id: number, body: Schemas["PolicyUpdate"]) =>
  ok(client.PATCH("/api/v1/policies/{policy_id}", { params: ofPolicy(id), body }));
export const deletePolicy = (id: number) =>
  ok(client.DELETE("/api/v1/policies/{policy_id}", { params: ofPolicy(id) }));
export const listPolicyVersions = (id: number) =>
  ok(client.GET("/api/v1/policies/{policy_id}/versions", { params: ofPolicy(id) }));
export const attachPolicy = (policy_id: number, principal: string, reason?: string) =>
  ok(
    client.PUT("/api/v1/policies/{policy_id}/attachments/{principal}", {
      params: { path: { policy_id, principal } },
      body: { ...(reason !== undefined && { reason }) },
    }),
  );
export const detachPolicy = (policy_id: number, principal: string) =>
  ok(
    client.DELETE("/api/v1/policies/{policy_id}/attachments/{principal}", {
      params: { path: { policy_id, principal } },
    }),
  );

// Trash
export const listTrash = (cursor?: string) => ok(client.GET("/api/v1/trash", page(cursor, 100)));
export const purgeFolder = (id: number) =>
  ok(client.DELETE("/api/v1/trash/folders/{folder_id}", { params: inFolder(id) }));
export const purgeDocument = (id: number) =>
  ok(client.DELETE("/api/v1/trash/documents/{document_id}", { params: ofDocument(id) }));

// Storage
export const getStorage = () => ok(client.GET("/api/v1/storage"));
export const getUploadLimits = () => ok(client.GET("/api/v1/storage/limits"));
export const setUploadLimits = (body: Schemas["UploadLimitsIn"]) =>
  ok(client.PUT("/api/v1/storage/limits", { body }));
export const listStorageFaults = (query: QueryOf<"listStorageFaults">) =>
  ok(client.GET("/api/v1/storage/faults", { params: { query: { limit: 50, ...query } } }));

// Quarantine
export const listQuarantine = (query: QueryOf<"listQuarantine">) =>
  ok(client.GET("/api/v1/quarantine", { params: { query: { limit: 50, ...query } } }));
export const releaseQuarantined = (quarantine_id: number, reason: string) =>
  ok(
    client.POST("/api/v1/quarantine/{quarantine_id}/release", {
      params: { path: { quarantine_id } },
      body: { reason },
    }),
  );
export const revokeRelease = (quarantine_id: number) =>
  ok(
    client.POST("/api/v1/quarantine/{quarantine_id}/revoke", {
      params: { path: { quarantine_id } },
    }),
  );
export const deleteQuarantined = (quarantine_id: number) =>
  ok(client.DELETE("/api/v1/quarantine/{quarantine_id}", { params: { path: { quarantine_id } } }));

// Jobs
export const getJobs = () => ok(client.GET("/api/v1/jobs"));
export const listFailedJobs = (query: QueryOf<"listFailedJobs">) =>
  ok(client.GET("/api/v1/jobs/failed", { params: { query: { limit: 50, ...query } } }));
export const runFailedJob = (job_id: number) =>
  ok(client.POST("/api/v1/jobs/failed/{job_id}/run", { params: { path: { job_id } } }));
export const dismissFailedJob = (job_id: number) =>
  ok(client.POST("/api/v1/jobs/failed/{job_id}/dismiss", { params: { path: { job_id } } }));
export const getProgress = (id: number) =>
  ok(client.GET("/api/v1/documents/{document_id}/progress", { params: ofDocument(id) }));

// Ways in
const ofSource = (source_id: number) => ({ path: { source_id } });
/** Both the sources and the list of rules are changed against the revision that was read. */
const asEtag = (revision: number): string => `"${revision}"`;
export const listIntakeSources = async () => (await ok(client.GET("/api/v1/intake/sources"))).items;
export const createIntakeSource = (body: Schemas["SourceIn"]) =>
  ok(client.POST("/api/v1/intake/sources", { body }));
export const updateIntakeSource = (id: number, body: Schemas["SourceUpdate"], revision?: number) =>
  ok(
    client.PATCH("/api/v1/intake/sources/{source_id}", {
      params: {
        ...ofSource(id),
        ...(revision === undefined ? {} : { header: { "if-match": asEtag(revision) } }),
      },
      body,
    }),
  );
export const deleteIntakeSource = (id: number) =>
  ok(client.DELETE("/api/v1/intake/sources/{source_id}", { params: ofSource(id) }));
export const checkIntakeSource = (id: number) =>
  ok(client.POST("/api/v1/intake/sources/{source_id}/check", { params: ofSource(id) }));
export const runIntakeSource = (id: number) =>
  ok(client.POST("/api/v1/intake/sources/{source_id}/run", { params: ofSource(id) }));
export type IntakeItemsQuery = QueryOf<"listIntakeItems">;
export const listIntakeItems = (query: IntakeItemsQuery) =>
  ok(client.GET("/api/v1/intake/items", { params: { query: { limit: 50, ...query } } }));
export const retryIntakeItem = (item_id: number) =>
  ok(client.POST("/api/v1/intake/items/{item_id}/retry", { params: { path: { item_id } } }));
export const listIntakeRules = () => ok(client.GET("/api/v1/intake/rules"));
export const replaceIntakeRules = (revision: number, items: Schemas["Rule"][]) =>
  ok(
    client.PUT("/api/v1/intake/rules", {
      params: { header: { "if-match": asEtag(revision) } },
      body: { items },
    }),
  );
export const tryIntakeRules = (body: Schemas["TrialIn"]) =>
  ok(client.POST("/api/v1/intake/rules/try", { body }));

// Audit
export type AuditQuery = QueryOf<"listAuditEvents">;
export const listAuditEvents = (query: AuditQuery) =>
  ok(client.GET("/api/v1/audit/events", { params: { query: { limit: 50, ...query } } }));
export const listAuditActions = () => ok(client.GET("/api/v1/audit/actions"));
export const getAuditChain = () => ok(client.GET("/api/v1/audit/chain"));
export const createAuditCheckpoint = () => ok(client.POST("/api/v1/audit/checkpoints"));
export const exportAudit = (query: QueryOf<"exportAuditEvents">): Promise<Blob> =>
  ok(client.GET("/api/v1/audit/export", { params: { query }, parseAs: "blob" }));
export const listHistory = (id: number, cursor?: string) =>
  ok(
    client.GET("/api/v1/documents/{document_id}/history", {
      params: { ...ofDocument(id), query: { limit: 50, ...(cursor !== undefined && { cursor }) } },
    }),
  );

// Search
export type SearchQuery = QueryOf<"searchDocuments">;
export const search = (query: SearchQuery, signal: AbortSignal) =>
  ok(client.GET("/api/v1/search", { params: { query: { limit: 30, ...query } }, signal }));
export const suggest = async (q: string, signal: AbortSignal) =>
  (await ok(client.GET("/api/v1/search/suggest", { params: { query: { q } }, signal }))).items;

// Live events
export const liveTicket = () => ok(client.POST("/api/v1/ws/ticket"));
