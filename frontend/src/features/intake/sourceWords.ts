/** How a source fares and where it looks, in words. Pure. */
import type { TFunction } from "i18next";
import type { IntakeSource } from "@/api/types";
import { formatAgo } from "@/components/format";

/** “Working, last looked 2 minutes ago.” */
export function stateWords(t: TFunction, source: IntakeSource, now: number): string {
  const { kind, state, last_run_at: at } = source;
  if (state === "new" || state === "paused") return t(`intake.state.${state}`);
  if (kind === "smtp" && state === "working") return t("intake.state.takes");
  if (at === null) return t(`intake.state.${state}Never`);
  return t(`intake.state.${state}`, { ago: formatAgo(at, now) });
}

/** What somebody can do about a source that fails; null for one that does not. */
export const adviceFor = (t: TFunction, { state, kind }: IntakeSource): string | null =>
  state === "failing" ? t(`intake.advice.${kind}`) : null;

/** Where it looks: a directory, a mailbox on a server, an address. */
export function placeWords({ settings }: Pick<IntakeSource, "settings">): string {
  if (settings.kind === "folder") return settings.directory;
  if (settings.kind === "smtp") return settings.address;
  return `${settings.user} · ${settings.host} · ${settings.mailbox}`;
}
