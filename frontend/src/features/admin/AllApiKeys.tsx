/** Every API key of the organisation: whose it is, what it may do, when it was used last and ends; and an end to it. */
import { Badge, Group, Select, Text, TextInput } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { IconApi, IconRobot } from "@tabler/icons-react";
import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { revokeAnyApiKey } from "@/api/calls";
import { allApiKeysQuery, keys, queryClient } from "@/api/queries";
import type { ApiKeyOfUser } from "@/api/types";
import { KEY_STATES, type SignInSearch } from "@/app/search-params";
import { Message } from "@/components/States";
import { PagedList } from "@/components/PagedList";
import people from "@/features/people/People.module.css";
import { isExpired, KeyFacts, RevokeKey } from "@/features/security/keys";

const route = getRouteApi("/app/sign-in");
const TYPING_PAUSE_MS = 300;

export function AllApiKeys() {
  const { t } = useTranslation();
  const { q, state } = route.useSearch();
  const found = useInfiniteQuery({
    ...allApiKeysQuery({ ...(q !== undefined && { q }), ...(state !== undefined && { state }) }),
    placeholderData: keepPreviousData,
    refetchOnMount: "always",
  });
  return (
    <>
      <Filters />
      <PagedList
        query={found}
        label={t("signIn.views.keys")}
        className={people.list}
        row={(key) => <KeyRow key={key.id} apiKey={key} />}
        empty={
          <Message
            icon={IconApi}
            title={t(q === undefined && state === undefined ? "signIn.noKeys" : "signIn.noneFits")}
            text={t("signIn.noKeysText")}
          />
        }
      />
    </>
  );
}

function Filters() {
  const { t } = useTranslation();
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const [typed, setTyped] = useState(search.q ?? "");
  const set = (change: Partial<SignInSearch>) =>
    void navigate({ search: (before) => ({ ...before, ...change }), replace: true });
  const ask = useDebouncedCallback(
    (text: string) => set({ q: text || undefined }),
    TYPING_PAUSE_MS,
  );
  return (
    <Group
      component="form"
      role="search"
      aria-label={t("signIn.find")}
      onSubmit={(event) => event.preventDefault()}
      gap="sm"
      px="md"
      pb="xs"
      align="flex-end"
    >
      <TextInput
        label={t("signIn.text")}
        size="xs"
        style={{ flex: "1 1 12rem", maxWidth: "20rem" }}
        value={typed}
        onChange={({ currentTarget }) => {
          setTyped(currentTarget.value);
          ask(currentTarget.value);
        }}
      />
      <Select
        label={t("signIn.state")}
        size="xs"
        allowDeselect={false}
        data={[
          { value: "", label: t("signIn.anyState") },
          ...KEY_STATES.map((value) => ({ value, label: t(`signIn.states.${value}`) })),
        ]}
        value={search.state ?? ""}
        onChange={(value) => set({ state: KEY_STATES.find((one) => one === value) })}
      />
    </Group>
  );
}

function KeyRow({ apiKey }: { apiKey: ApiKeyOfUser }) {
  const { t } = useTranslation();
  const Glyph = apiKey.kind === "machine" ? IconRobot : IconApi;
  return (
    <li className={people.row}>
      <Glyph size={20} stroke={1.6} aria-hidden />
      <div className={people.text}>
        <Text size="sm" fw={550} truncate>
          {apiKey.name}
        </Text>
        <Text size="xs" truncate>
          {apiKey.user.name}
          {apiKey.kind === "person" && ` · ${apiKey.user.email}`}
        </Text>
        <Text size="xs" c="dimmed" style={{ overflowWrap: "anywhere" }}>
          <KeyFacts apiKey={apiKey} />
        </Text>
      </div>
      {isExpired(apiKey) && <Badge color="gray">{t("keys.expired")}</Badge>}
      {!apiKey.is_active && (
        <Badge color="gray" visibleFrom="xs">
          {t("users.inactive")}
        </Badge>
      )}
      <RevokeKey
        apiKey={apiKey}
        revoke={revokeAnyApiKey}
        warning={t("signIn.actsFor", { name: apiKey.user.name })}
        onSettled={() => void queryClient.invalidateQueries({ queryKey: keys.credentials })}
      />
    </li>
  );
}
