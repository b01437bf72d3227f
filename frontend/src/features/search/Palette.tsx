/** Ctrl-K: names as one types, the places of the application, and the way to the full search. */
import { useDebouncedValue, useHotkeys } from "@mantine/hooks";
import { Spotlight, spotlight } from "@mantine/spotlight";
import {
  IconDatabase,
  IconHome,
  IconInbox,
  IconProgress,
  IconSearch,
  IconServer2,
  IconShieldLock,
  IconTrash,
  IconUsers,
  IconVirus,
  type Icon,
} from "@tabler/icons-react";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useNavigate, type LinkProps } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { suggestQuery } from "@/api/queries";
import { useMe } from "@/app/useMe";
import { DocumentIcon } from "@/components/FileIcon";
import { MarkedText } from "./MarkedText";

const SHOWN = 7;
const TYPING_PAUSE_MS = 120;

type Place = { to: LinkProps["to"]; label: string; icon: Icon };

export function Palette() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const { isAdministrator } = useMe();
  const [text, setText] = useState("");
  // From inside a field too, where a slash alone is just a slash.
  useHotkeys([["mod + K", spotlight.toggle]], []);
  useHotkeys([["/", spotlight.open]]);
  const query = text.trim();
  const [settled] = useDebouncedValue(query, TYPING_PAUSE_MS);
  const suggestions = useQuery({
    ...suggestQuery(settled),
    enabled: settled.length > 0,
    placeholderData: keepPreviousData,
  });
  const found = query === "" ? [] : (suggestions.data ?? []).slice(0, SHOWN);

  const places: Place[] = [
    { to: "/", label: t("nav.home"), icon: IconHome },
    { to: "/library", label: t("nav.library"), icon: IconServer2 },
    { to: "/trash", label: t("nav.trash"), icon: IconTrash },
    ...(isAdministrator
      ? ([
          { to: "/users", label: t("nav.users"), icon: IconUsers },
          { to: "/policies", label: t("policies.title"), icon: IconShieldLock },
          { to: "/ways-in", label: t("intake.title"), icon: IconInbox },
          { to: "/storage", label: t("nav.storage"), icon: IconDatabase },
          { to: "/quarantine", label: t("quarantine.title"), icon: IconVirus },
          { to: "/jobs", label: t("jobs.title"), icon: IconProgress },
        ] satisfies Place[])
      : []),
  ];
  const matching = places.filter((place) =>
    place.label.toLowerCase().includes(query.toLowerCase()),
  );

  return (
    <Spotlight.Root
      query={text}
      onQueryChange={setText}
      shortcut={null}
      size="lg"
      scrollable
      maxHeight={460}
    >
      <Spotlight.Search
        placeholder={t("palette.placeholder")}
        aria-label={t("palette.placeholder")}
        leftSection={<IconSearch size={18} stroke={1.7} />}
      />
      <Spotlight.ActionsList>
        {query !== "" && (
          <Spotlight.Action
            leftSection={<IconSearch size={18} stroke={1.7} />}
            label={t("palette.searchFor", { query })}
            description={t("palette.searchHint")}
            onClick={() => void navigate({ to: "/search", search: { q: query } })}
          />
        )}
        {found.length > 0 && (
          <Spotlight.ActionsGroup label={t("palette.documents")}>
            {found.map((one) => (
              <Spotlight.Action
                key={one.document_id}
                onClick={() =>
                  void navigate({
                    to: "/documents/$documentId",
                    params: { documentId: one.document_id },
                  })
                }
              >
                <div
                  style={{
                    display: "flex",
                    alignItems: "center",
                    gap: 12,
                    width: "100%",
                    minWidth: 0,
                  }}
                >
                  <DocumentIcon name={one.name} size={20} />
                  <div style={{ minWidth: 0 }}>
                    <div
                      style={{ overflow: "hidden", textOverflow: "ellipsis", whiteSpace: "nowrap" }}
                    >
                      <MarkedText text={one.name} query={query} />
                    </div>
                    <div style={{ fontSize: 12, color: "var(--mantine-color-dimmed)" }}>
                      {one.ancestors.map((crumb) => crumb.name).join(" / ")}
                    </div>
                  </div>
                </div>
              </Spotlight.Action>
            ))}
          </Spotlight.ActionsGroup>
        )}
        {matching.length > 0 && (
          <Spotlight.ActionsGroup label={t("palette.goTo")}>
            {matching.map(({ to, label, icon: Glyph }) => (
              <Spotlight.Action
                key={label}
                label={label}
                leftSection={<Glyph size={18} stroke={1.7} />}
                onClick={() => void navigate({ to })}
              />
            ))}
          </Spotlight.ActionsGroup>
        )}
      </Spotlight.ActionsList>
    </Spotlight.Root>
  );
}
