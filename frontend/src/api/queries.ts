/**
 * What is cached, under which key, and what makes it stale. Screens take their query options from
 * here, so that a live event can find everything it touches.
 */
import { infiniteQueryOptions, QueryClient, queryOptions } from "@tanstack/react-query";
import * as calls from "./calls";
import { ApiProblem } from "./problem";
import type {
  FailedState,
  FaultState,
  PictureSize,
  QuarantineState,
  Resource,
  SimulatedChange,
  SortField,
  SortOrder,
} from "./types";

export const keys = {
  access: ["access"] as const,
  audit: ["audit"] as const,
  folders: ["folders"] as const,
  folder: (id: number) => ["folders", id] as const,
  children: (id: number) => ["children", id] as const,
  documents: ["documents"] as const,
  policies: ["policies"] as const,
  policy: (id: number) => ["policies", id] as const,
  document: (id: number) => ["documents", id] as const,
  /** Where on pages words stand, and which of them a search finds. */
  wordsOnPages: (id: number) => ["documents", id, "words-on-pages"] as const,
  previews: (id: number) => ["previews", id] as const,
  progress: (id: number) => ["documents", id, "progress"] as const,
  storage: ["storage"] as const,
  quarantine: ["quarantine"] as const,
  jobs: ["jobs"] as const,
  intake: ["intake"] as const,
  credentials: ["credentials"] as const,
};

function retry(failures: number, error: unknown): boolean {
  // A refusal stays a refusal; only silence and overload are worth another try.
  if (error instanceof ApiProblem && error.status < 500 && error.status !== 429) return false;
  return failures < 2;
}

export const queryClient = new QueryClient({
  defaultOptions: { queries: { retry, staleTime: 15_000, refetchOnWindowFocus: false } },
});

const nextCursor = (page: { next_cursor?: string | null }) => page.next_cursor ?? undefined;
const firstPage = undefined as string | undefined;
const from = (cursor: string | undefined) => (cursor === undefined ? {} : { cursor });

export const meQuery = queryOptions({
  queryKey: ["me"],
  queryFn: calls.getMe,
  staleTime: Infinity,
});

export const providersQuery = queryOptions({
  queryKey: ["providers"],
  queryFn: calls.listProviders,
  staleTime: Infinity,
});

export const secondFactorQuery = queryOptions({
  queryKey: ["security", "second-factor"],
  queryFn: calls.getSecondFactor,
});

export const passkeysQuery = queryOptions({
  queryKey: ["security", "passkeys"],
  queryFn: calls.listPasskeys,
});

export const apiKeysQuery = queryOptions({
  queryKey: ["security", "api-keys"],
  queryFn: calls.listApiKeys,
});

export const systemQuery = queryOptions({
  queryKey: ["system"],
  queryFn: calls.getSystem,
  staleTime: 60_000,
  refetchInterval: 120_000,
});

export const cabinetsQuery = infiniteQueryOptions({
  queryKey: ["folders", "roots"],
  queryFn: ({ pageParam }) => calls.listCabinets(pageParam),
  initialPageParam: firstPage,
  getNextPageParam: nextCursor,
});

export const folderQuery = (id: number) =>
  queryOptions({ queryKey: keys.folder(id), queryFn: () => calls.getFolder(id) });

export const childrenQuery = (id: number, sort: SortField, order: SortOrder) =>
  infiniteQueryOptions({
    queryKey: [...keys.children(id), "list", sort, order],
    queryFn: ({ pageParam }) => calls.listChildren(id, { sort, order, ...from(pageParam) }),
    initialPageParam: firstPage,
    getNextPageParam: nextCursor,
  });

/** The folders inside one folder, for the tree: at most one page, told when there are more. */
export const subfoldersQuery = (id: number) =>
  queryOptions({
    queryKey: [...keys.children(id), "tree"],
    queryFn: async () => {
      const page = await calls.listChildren(id, { sort: "name", order: "asc" });
      return { folders: page.folders, more: page.next_cursor !== null && !page.documents.length };
    },
  });

/** What somebody may do can change at any moment by somebody else's hand: nothing of it is kept for long. */
export const grantsQuery = (resource: Resource) =>
  queryOptions({
    queryKey: [...keys.access, "grants", resource],
    queryFn: () => calls.listGrants(resource),
  });

export const accessResourceQuery = (resource: string) =>
  queryOptions({
    queryKey: [...keys.access, "resource", resource],
    queryFn: () => calls.getAccessResource(resource),
  });

export const effectiveQuery = (principal: string, resource: string) =>
  queryOptions({
    queryKey: [...keys.access, "effective", principal, resource],
    queryFn: () => calls.getEffectiveAccess(principal, resource),
    staleTime: 0,
  });

export const explainQuery = (principal: string, action: string, resource: string) =>
  queryOptions({
    queryKey: [...keys.access, "explain", principal, action, resource],
    queryFn: () => calls.explainAccess({ principal, action, resource }),
    staleTime: 0,
  });

export const whoCanQuery = (action: string, resource: string) =>
  queryOptions({
    queryKey: [...keys.access, "who-can", action, resource],
    queryFn: () => calls.whoCan(action, resource),
    staleTime: 0,
  });

export const simulationQuery = (change: SimulatedChange) =>
  queryOptions({
    queryKey: [...keys.access, "simulate", change],
    queryFn: () => calls.simulateAccess(change),
    staleTime: 0,
    gcTime: 0,
  });

export const allCabinetsQuery = infiniteQueryOptions({
  queryKey: [...keys.access, "cabinets"],
  queryFn: ({ pageParam }) => calls.listAllCabinets(pageParam),
  initialPageParam: firstPage,
  getNextPageParam: nextCursor,
});

export const policiesQuery = infiniteQueryOptions({
  queryKey: [...keys.policies, "list"],
  queryFn: ({ pageParam }) => calls.listPolicies(pageParam),
  initialPageParam: firstPage,
  getNextPageParam: nextCursor,
});

export const policyQuery = (id: number) =>
  queryOptions({ queryKey: keys.policy(id), queryFn: () => calls.getPolicy(id) });

export const policyVersionsQuery = (id: number) =>
  queryOptions({
    queryKey: [...keys.policy(id), "versions"],
    queryFn: () => calls.listPolicyVersions(id),
  });

export const principalsQuery = (q: string) =>
  queryOptions({ queryKey: ["principals", q], queryFn: () => calls.findPrincipals(q) });

export const documentQuery = (id: number) =>
  queryOptions({ queryKey: keys.document(id), queryFn: () => calls.getDocument(id) });

export const versionsQuery = (id: number) =>
  queryOptions({
    queryKey: [...keys.document(id), "versions"],
    queryFn: () => calls.listVersions(id),
  });

export const textQuery = (id: number, version: number) =>
  queryOptions({
    queryKey: [...keys.document(id), "text", version],
    queryFn: () => calls.getText(id, version),
  });

export const metadataQuery = (id: number, version: number) =>
  queryOptions({
    queryKey: [...keys.document(id), "metadata", version],
    queryFn: () => calls.getMetadata(id, version),
  });

/** The pages of a version; asked again while nobody knows yet how many there are. */
export const previewPagesQuery = (id: number, version: number) =>
  queryOptions({
    queryKey: [...keys.previews(id), version, "pages"],
    queryFn: () => calls.getPreviewPages(id, version),
    refetchInterval: ({ state }) =>
      state.data?.status === "pending" || state.data?.status === "drawing" ? 1_500 : false,
  });

export const pictureQuery = (id: number, version: number, page: number, size: PictureSize) =>
  queryOptions({
    queryKey: [...keys.previews(id), version, "picture", page, size],
    queryFn: ({ signal }) => calls.getPicture(id, version, page, size, signal),
    staleTime: 300_000,
    gcTime: 120_000,
  });

export const originQuery = (id: number) =>
  queryOptions({
    queryKey: [...keys.document(id), "origin"],
    queryFn: () => calls.getOrigin(id),
  });

export const relatedQuery = (id: number) =>
  queryOptions({
    queryKey: [...keys.document(id), "related"],
    queryFn: () => calls.getRelated(id),
  });

export const duplicatesQuery = infiniteQueryOptions({
  queryKey: ["duplicates"],
  queryFn: ({ pageParam }) => calls.listDuplicates(pageParam),
  initialPageParam: firstPage,
  getNextPageParam: nextCursor,
});

/** The pages on which a search finds something, and how often. */
export const pageHitsQuery = (id: number, version: number, q: string) =>
  queryOptions({
    queryKey: [...keys.wordsOnPages(id), version, "hits", q],
    queryFn: async () => {
      const { pages, beyond } = await calls.countOnPages(id, version, q);
      const hits = pages.flatMap((one) => (one.hits ? [{ page: one.number, hits: one.hits }] : []));
      return { pages: hits, beyond };
    },
    staleTime: 60_000,
  });

/** The words of a page, and which of them a search finds. */
export const pageWordsQuery = (id: number, version: number, page: number, q: string) =>
  queryOptions({
    queryKey: [...keys.wordsOnPages(id), version, page, q],
    queryFn: () => calls.getPageWords(id, version, page, q),
    staleTime: 60_000,
  });

export const textLayersQuery = (id: number, version: number) =>
  queryOptions({
    queryKey: [...keys.document(id), "layers", version],
    queryFn: () => calls.listTextLayers(id, version),
  });

export const pagesQuery = (id: number, version: number) =>
  queryOptions({
    queryKey: [...keys.document(id), "pages", version],
    queryFn: () => calls.listPages(id, version),
  });

export const textSettingsQuery = queryOptions({
  queryKey: ["text-settings"],
  queryFn: calls.getTextSettings,
});

export const recentQuery = queryOptions({
  queryKey: ["recent"],
  queryFn: calls.listRecent,
});

export const usersQuery = infiniteQueryOptions({
  queryKey: ["users"],
  queryFn: ({ pageParam }) => calls.listUsers(pageParam),
  initialPageParam: firstPage,
  getNextPageParam: nextCursor,
});

export const peopleQuery = infiniteQueryOptions({
  queryKey: [...usersQuery.queryKey, "people"],
  queryFn: ({ pageParam }) => calls.listPeople(pageParam),
  initialPageParam: firstPage,
  getNextPageParam: nextCursor,
});

export const signInPolicyQuery = queryOptions({
  queryKey: ["sign-in-policy"],
  queryFn: calls.getSignInPolicy,
  staleTime: 0,
});

export const allApiKeysQuery = (query: Parameters<typeof calls.listAllApiKeys>[0]) =>
  infiniteQueryOptions({
    queryKey: [...keys.credentials, "keys", query],
    queryFn: ({ pageParam }) => calls.listAllApiKeys({ ...query, ...from(pageParam) }),
    initialPageParam: firstPage,
    getNextPageParam: nextCursor,
  });

export const serviceAccountsQuery = infiniteQueryOptions({
  queryKey: [...keys.credentials, "accounts"],
  queryFn: ({ pageParam }) => calls.listServiceAccounts(pageParam),
  initialPageParam: firstPage,
  getNextPageParam: nextCursor,
});

export const serviceAccountKeysQuery = (id: number) =>
  queryOptions({
    queryKey: [...keys.credentials, "accounts", id, "keys"],
    queryFn: () => calls.listServiceAccountKeys(id),
  });

export const userSessionsQuery = (id: number) =>
  queryOptions({ queryKey: ["users", id, "sessions"], queryFn: () => calls.listUserSessions(id) });

export const mySessionsQuery = queryOptions({
  queryKey: ["me", "sessions"],
  queryFn: calls.listMySessions,
});

export const myOrganisationsQuery = queryOptions({
  queryKey: ["me", "organisations"],
  queryFn: calls.listMyOrganisations,
  staleTime: 60_000,
});

export const invitationsQuery = infiniteQueryOptions({
  queryKey: ["invitations"],
  queryFn: ({ pageParam }) => calls.listInvitations(pageParam),
  initialPageParam: firstPage,
  getNextPageParam: nextCursor,
});

export const groupsQuery = infiniteQueryOptions({
  queryKey: ["groups"],
  queryFn: ({ pageParam }) => calls.listGroups(pageParam),
  initialPageParam: firstPage,
  getNextPageParam: nextCursor,
});

export const groupMembersQuery = (id: number) =>
  infiniteQueryOptions({
    queryKey: ["groups", id, "members"],
    queryFn: ({ pageParam }) => calls.listGroupMembers(id, pageParam),
    initialPageParam: firstPage,
    getNextPageParam: nextCursor,
  });

export const trashQuery = infiniteQueryOptions({
  queryKey: ["trash"],
  queryFn: ({ pageParam }) => calls.listTrash(pageParam),
  initialPageParam: firstPage,
  getNextPageParam: nextCursor,
});

/** Counting it costs the service something: it is not asked for at every turn. */
export const storageQuery = queryOptions({
  queryKey: [...keys.storage, "status"],
  queryFn: calls.getStorage,
  staleTime: 60_000,
  refetchInterval: 600_000,
});

export const uploadLimitsQuery = queryOptions({
  queryKey: [...keys.storage, "limits"],
  queryFn: calls.getUploadLimits,
});

export const storageFaultsQuery = (state: FaultState) =>
  infiniteQueryOptions({
    queryKey: [...keys.storage, "faults", state],
    queryFn: ({ pageParam }) => calls.listStorageFaults({ state, ...from(pageParam) }),
    initialPageParam: firstPage,
    getNextPageParam: nextCursor,
  });

export const quarantineQuery = (state: QuarantineState) =>
  infiniteQueryOptions({
    queryKey: [...keys.quarantine, state],
    queryFn: ({ pageParam }) => calls.listQuarantine({ state, ...from(pageParam) }),
    initialPageParam: firstPage,
    getNextPageParam: nextCursor,
  });

/** Queues move all the time, and tell nobody: whoever looks at them asks. */
export const jobsQuery = queryOptions({
  queryKey: [...keys.jobs, "overview"],
  queryFn: calls.getJobs,
  refetchInterval: 5_000,
});

export const failedJobsQuery = (state: FailedState) =>
  infiniteQueryOptions({
    queryKey: [...keys.jobs, "failed", state],
    queryFn: ({ pageParam }) => calls.listFailedJobs({ state, ...from(pageParam) }),
    initialPageParam: firstPage,
    getNextPageParam: nextCursor,
  });

/** Sources work by themselves, and tell nobody: whoever looks at them asks. */
export const intakeSourcesQuery = queryOptions({
  queryKey: [...keys.intake, "sources"],
  queryFn: calls.listIntakeSources,
  refetchInterval: 5_000,
});

export const intakeItemsQuery = (query: calls.IntakeItemsQuery) =>
  infiniteQueryOptions({
    queryKey: [...keys.intake, "items", query],
    queryFn: ({ pageParam }) => calls.listIntakeItems({ ...query, ...from(pageParam) }),
    initialPageParam: firstPage,
    getNextPageParam: nextCursor,
    refetchInterval: 5_000,
  });

/** Asked for again, so that whoever edits them hears early that somebody else did. */
export const intakeRulesQuery = queryOptions({
  queryKey: [...keys.intake, "rules"],
  queryFn: calls.listIntakeRules,
  refetchInterval: 15_000,
});

export const progressQuery = (id: number) =>
  queryOptions({ queryKey: keys.progress(id), queryFn: () => calls.getProgress(id) });

export const auditEventsQuery = (query: calls.AuditQuery) =>
  infiniteQueryOptions({
    queryKey: [...keys.audit, "events", query],
    queryFn: ({ pageParam }) => calls.listAuditEvents({ ...query, ...from(pageParam) }),
    initialPageParam: firstPage,
    getNextPageParam: nextCursor,
  });

export const auditActionsQuery = queryOptions({
  queryKey: [...keys.audit, "actions"],
  queryFn: calls.listAuditActions,
});

export const auditChainQuery = queryOptions({
  queryKey: [...keys.audit, "chain"],
  queryFn: calls.getAuditChain,
  refetchInterval: 15_000,
});

export const historyQuery = (id: number) =>
  infiniteQueryOptions({
    queryKey: [...keys.document(id), "history"],
    queryFn: ({ pageParam }) => calls.listHistory(id, pageParam),
    initialPageParam: firstPage,
    getNextPageParam: nextCursor,
  });

export const searchQuery = (query: calls.SearchQuery) =>
  infiniteQueryOptions({
    queryKey: ["search", query],
    queryFn: ({ pageParam, signal }) => calls.search({ ...query, ...from(pageParam) }, signal),
    initialPageParam: firstPage,
    getNextPageParam: nextCursor,
  });

export const suggestQuery = (q: string) =>
  queryOptions({
    queryKey: ["suggest", q],
    queryFn: ({ signal }) => calls.suggest(q, signal),
    staleTime: 30_000,
  });

/** Marks stale what a grant or a policy decides: who may what, and what one sees oneself. */
export function accessChanged(): void {
  for (const queryKey of [keys.access, keys.policies, keys.folders, keys.documents, ["children"]]) {
    void queryClient.invalidateQueries({ queryKey });
  }
}

/** Marks stale what changing the content of a folder touches: its list, the counts, the tree. */
export function folderChanged(...ids: (number | null | undefined)[]): void {
  for (const id of ids) {
    if (id === null || id === undefined) continue;
    void queryClient.invalidateQueries({ queryKey: keys.children(id) });
    void queryClient.invalidateQueries({ queryKey: keys.folder(id), exact: true });
  }
  void queryClient.invalidateQueries({ queryKey: ["folders", "roots"] });
  void queryClient.invalidateQueries({ queryKey: ["recent"] });
}
