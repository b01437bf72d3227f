/** The frame around every screen: navigation, top bar, uploads, palette, live events. */
import { AppShell, useComputedColorScheme, useMantineColorScheme } from "@mantine/core";
import { useDisclosure, useHotkeys } from "@mantine/hooks";
import { modals } from "@mantine/modals";
import { Outlet, useNavigate, useRouterState } from "@tanstack/react-router";
import { useEffect } from "react";
import { useTranslation } from "react-i18next";
import { live } from "@/api/live";
import { keepCacheLive } from "@/api/liveCache";
import { session } from "@/api/session";
import { FileDropGuard } from "@/features/uploads/FileDropGuard";
import { restoreUploads } from "@/features/uploads/uploads";
import { UploadPanel } from "@/features/uploads/UploadPanel";
import { Palette } from "@/features/search/Palette";
import { Navigation } from "./Navigation";
import { ScanBanner } from "./ScanBanner";
import { ShortcutsHelp } from "./ShortcutsHelp";
import { StorageBanner } from "./StorageBanner";
import { TopBar } from "./TopBar";
import classes from "./Shell.module.css";
import { useMe } from "./useMe";

/** Live events while signed in; off to the sign-in page when the session is over. */
function useSession(): void {
  const navigate = useNavigate();
  const { isAuditor } = useMe();
  useEffect(() => {
    // What happens to documents is not told to auditors.
    if (!isAuditor) live.start();
    const stopMoved = session.onMoved(() => location.assign("/"));
    const stopCache = keepCacheLive();
    const stopSession = session.subscribe(() => {
      if (session.state !== "signed_out") return;
      const here = location.pathname + location.search;
      void navigate({ to: "/login", search: here === "/" ? {} : { redirect: here } });
    });
    return () => {
      stopMoved();
      stopSession();
      stopCache();
      live.stop();
    };
  }, [navigate, isAuditor]);
}

/** What was left unfinished in an earlier page is listed, to go on with. */
function useUnfinishedUploads(): void {
  const me = useMe();
  const { id } = me.user;
  useEffect(() => {
    if (!me.isAuditor) void restoreUploads(me);
    // Who it is matters, not every new answer about them.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [id, me.organisation.id]);
}

function useShortcuts(): { showHelp: () => void; toggleScheme: () => void } {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const { setColorScheme } = useMantineColorScheme();
  const scheme = useComputedColorScheme("light");
  const showHelp = () =>
    modals.open({ title: t("shortcuts.title"), size: "lg", children: <ShortcutsHelp /> });
  const toggleScheme = () => setColorScheme(scheme === "dark" ? "light" : "dark");
  useHotkeys([
    // Where the question mark needs no Shift, and where it does.
    ["?", showHelp],
    ["shift + ?", showHelp],
    ["mod + shift + L", toggleScheme],
    ["alt + 1", () => void navigate({ to: "/" })],
    ["alt + 2", () => void navigate({ to: "/library" })],
    ["alt + 3", () => void navigate({ to: "/search" })],
    ["alt + 4", () => void navigate({ to: "/trash" })],
  ]);
  return { showHelp, toggleScheme };
}

export function Shell() {
  const { t } = useTranslation();
  useSession();
  useUnfinishedUploads();
  const { showHelp, toggleScheme } = useShortcuts();
  const [opened, { toggle, close }] = useDisclosure(false);
  const path = useRouterState({ select: (state) => state.location.pathname });
  useEffect(close, [path, close]);

  return (
    <>
      <a className="skip-link" href="#content">
        {t("shell.skip")}
      </a>
      <AppShell
        layout="alt"
        header={{ height: "var(--app-header)" }}
        navbar={{ width: 264, breakpoint: "md", collapsed: { mobile: !opened } }}
      >
        <AppShell.Header className={classes.header}>
          <TopBar
            navOpened={opened}
            onToggleNav={toggle}
            onHelp={showHelp}
            onToggleScheme={toggleScheme}
          />
        </AppShell.Header>
        <AppShell.Navbar className={classes.navbar} aria-label={t("shell.navigation")}>
          <Navigation onClose={close} />
        </AppShell.Navbar>
        <AppShell.Main className={classes.main} id="content" tabIndex={-1}>
          <ScanBanner />
          <StorageBanner />
          <Outlet />
        </AppShell.Main>
      </AppShell>
      <UploadPanel />
      <Palette />
      <FileDropGuard />
    </>
  );
}
