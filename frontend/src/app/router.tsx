/** The routes of the application: every view has an address. Screens load when first visited. */
import { Button } from "@mantine/core";
import { ModalsProvider } from "@mantine/modals";
import { Notifications } from "@mantine/notifications";
import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  Link,
  Outlet,
  redirect,
} from "@tanstack/react-router";
import { IconError404 } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { meQuery, queryClient } from "@/api/queries";
import { session } from "@/api/session";
import type { Resource } from "@/api/types";
import { ErrorState, Message } from "@/components/States";
import {
  accessSearch,
  auditSearch,
  documentSearch,
  intakeSearch,
  librarySearch,
  loginSearch,
  policiesSearch,
  policySearch,
  searchSearch,
  signInSearch,
} from "./search-params";
import { Shell } from "./Shell";

function NotFound() {
  const { t } = useTranslation();
  return (
    <Message icon={IconError404} title={t("notFound.title")} text={t("notFound.text")}>
      <Button component={Link} to="/" variant="default">
        {t("notFound.home")}
      </Button>
    </Message>
  );
}

function RouteError({ error, reset }: { error: unknown; reset: () => void }) {
  const retry = () => {
    reset();
    void router.invalidate();
  };
  return <ErrorState error={error} onRetry={retry} />;
}

/** Dialogs hang inside the router, because what they show has links. */
function Root() {
  return (
    <ModalsProvider>
      <Notifications position="bottom-left" limit={4} />
      <Outlet />
    </ModalsProvider>
  );
}

const rootRoute = createRootRoute({
  component: Root,
  notFoundComponent: NotFound,
  errorComponent: RouteError,
});

const loginRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/login",
  validateSearch: loginSearch,
  component: lazyRouteComponent(() => import("@/features/auth/LoginPage"), "LoginPage"),
});

const forgotPasswordRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/forgot-password",
  component: lazyRouteComponent(
    () => import("@/features/auth/ForgotPasswordPage"),
    "ForgotPasswordPage",
  ),
});

const resetPasswordRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/reset-password",
  component: lazyRouteComponent(
    () => import("@/features/auth/ResetPasswordPage"),
    "ResetPasswordPage",
  ),
});

const acceptInvitationRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/accept-invitation",
  beforeLoad: async () => {
    if (session.state === "unknown") await session.refresh();
  },
  component: lazyRouteComponent(
    () => import("@/features/auth/AcceptInvitationPage"),
    "AcceptInvitationPage",
  ),
});

const appRoute = createRoute({
  getParentRoute: () => rootRoute,
  id: "app",
  beforeLoad: async ({ location }) => {
    if (session.state === "unknown") await session.refresh();
    if (session.state !== "signed_in") {
      const target = location.href === "/" ? {} : { redirect: location.href };
      throw redirect({ to: "/login", search: target });
    }
    await queryClient.query({ ...meQuery, staleTime: "static" });
  },
  component: Shell,
});

const inApp = { getParentRoute: () => appRoute };

const homeRoute = createRoute({
  ...inApp,
  path: "/",
  component: lazyRouteComponent(() => import("@/features/home/HomePage"), "HomePage"),
});

const libraryRoute = createRoute({
  ...inApp,
  path: "/library",
  validateSearch: librarySearch,
  component: lazyRouteComponent(() => import("@/features/library/CabinetsPage"), "CabinetsPage"),
});

const folderRoute = createRoute({
  ...inApp,
  path: "/library/$folderId",
  params: {
    parse: ({ folderId }) => ({ folderId: Number(folderId) }),
    stringify: ({ folderId }) => ({ folderId: String(folderId) }),
  },
  validateSearch: librarySearch,
  component: lazyRouteComponent(() => import("@/features/library/FolderPage"), "FolderPage"),
});

const documentRoute = createRoute({
  ...inApp,
  path: "/documents/$documentId",
  params: {
    parse: ({ documentId }) => ({ documentId: Number(documentId) }),
    stringify: ({ documentId }) => ({ documentId: String(documentId) }),
  },
  validateSearch: documentSearch,
  component: lazyRouteComponent(() => import("@/features/document/DocumentPage"), "DocumentPage"),
});

const accessRoute = createRoute({
  ...inApp,
  path: "/access/$kind/$id",
  params: {
    parse: ({ kind, id }): Resource => ({
      kind: kind === "document" ? "document" : "folder",
      id: Number(id),
    }),
    stringify: ({ kind, id }) => ({ kind, id: String(id) }),
  },
  validateSearch: accessSearch,
  component: lazyRouteComponent(() => import("@/features/access/AccessPage"), "AccessPage"),
});

const policiesRoute = createRoute({
  ...inApp,
  path: "/policies",
  validateSearch: policiesSearch,
  component: lazyRouteComponent(() => import("@/features/policies/PoliciesPage"), "PoliciesPage"),
});

const newPolicyRoute = createRoute({
  ...inApp,
  path: "/policies/new",
  component: lazyRouteComponent(() => import("@/features/policies/NewPolicyPage"), "NewPolicyPage"),
});

const policyRoute = createRoute({
  ...inApp,
  path: "/policies/$policyId",
  params: {
    parse: ({ policyId }) => ({ policyId: Number(policyId) }),
    stringify: ({ policyId }) => ({ policyId: String(policyId) }),
  },
  validateSearch: policySearch,
  component: lazyRouteComponent(() => import("@/features/policies/PolicyPage"), "PolicyPage"),
});

const searchRoute = createRoute({
  ...inApp,
  path: "/search",
  validateSearch: searchSearch,
  component: lazyRouteComponent(() => import("@/features/search/SearchPage"), "SearchPage"),
});

const trashRoute = createRoute({
  ...inApp,
  path: "/trash",
  component: lazyRouteComponent(() => import("@/features/trash/TrashPage"), "TrashPage"),
});

const duplicatesRoute = createRoute({
  ...inApp,
  path: "/duplicates",
  component: lazyRouteComponent(
    () => import("@/features/duplicates/DuplicatesPage"),
    "DuplicatesPage",
  ),
});

const usersRoute = createRoute({
  ...inApp,
  path: "/users",
  component: lazyRouteComponent(() => import("@/features/admin/UsersPage"), "UsersPage"),
});

const groupsRoute = createRoute({
  ...inApp,
  path: "/groups",
  component: lazyRouteComponent(() => import("@/features/people/GroupsPage"), "GroupsPage"),
});

const storageRoute = createRoute({
  ...inApp,
  path: "/storage",
  component: lazyRouteComponent(() => import("@/features/admin/StoragePage"), "StoragePage"),
});

const quarantineRoute = createRoute({
  ...inApp,
  path: "/quarantine",
  component: lazyRouteComponent(() => import("@/features/admin/QuarantinePage"), "QuarantinePage"),
});

const jobsRoute = createRoute({
  ...inApp,
  path: "/jobs",
  component: lazyRouteComponent(() => import("@/features/admin/JobsPage"), "JobsPage"),
});

const waysInRoute = createRoute({
  ...inApp,
  path: "/ways-in",
  component: lazyRouteComponent(() => import("@/features/intake/SourcesPage"), "SourcesPage"),
});

const intakeItemsRoute = createRoute({
  ...inApp,
  path: "/ways-in/items",
  validateSearch: intakeSearch,
  component: lazyRouteComponent(() => import("@/features/intake/ItemsPage"), "ItemsPage"),
});

const intakeRulesRoute = createRoute({
  ...inApp,
  path: "/ways-in/rules",
  component: lazyRouteComponent(() => import("@/features/intake/RulesPage"), "RulesPage"),
});

const securityRoute = createRoute({
  ...inApp,
  path: "/security",
  component: lazyRouteComponent(() => import("@/features/security/SecurityPage"), "SecurityPage"),
});

const signInRoute = createRoute({
  ...inApp,
  path: "/sign-in",
  validateSearch: signInSearch,
  component: lazyRouteComponent(() => import("@/features/admin/SignInPage"), "SignInPage"),
});

const recognitionRoute = createRoute({
  ...inApp,
  path: "/recognition",
  component: lazyRouteComponent(
    () => import("@/features/admin/RecognitionPage"),
    "RecognitionPage",
  ),
});

const auditRoute = createRoute({
  ...inApp,
  path: "/audit",
  validateSearch: auditSearch,
  component: lazyRouteComponent(() => import("@/features/admin/AuditPage"), "AuditPage"),
});

const routeTree = rootRoute.addChildren([
  loginRoute,
  forgotPasswordRoute,
  resetPasswordRoute,
  acceptInvitationRoute,
  appRoute.addChildren([
    homeRoute,
    libraryRoute,
    folderRoute,
    documentRoute,
    accessRoute,
    policiesRoute,
    newPolicyRoute,
    policyRoute,
    searchRoute,
    duplicatesRoute,
    trashRoute,
    usersRoute,
    groupsRoute,
    storageRoute,
    quarantineRoute,
    jobsRoute,
    waysInRoute,
    intakeItemsRoute,
    intakeRulesRoute,
    securityRoute,
    signInRoute,
    recognitionRoute,
    auditRoute,
  ]),
]);

export const router = createRouter({
  routeTree,
  defaultPreload: "intent",
  defaultErrorComponent: RouteError,
  defaultNotFoundComponent: NotFound,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
