/** Search: one box, filters with counts, results with the words found in them. All in the address. */
import {
  Badge,
  Button,
  CloseButton,
  Drawer,
  Group,
  Popover,
  ScrollArea,
  SegmentedControl,
  Table,
  Text,
  TextInput,
  Title,
} from "@mantine/core";
import { useDebouncedCallback, useDisclosure, useDocumentTitle } from "@mantine/hooks";
import { IconAdjustments, IconHelp, IconSearch, IconSearchOff } from "@tabler/icons-react";
import { keepPreviousData, useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { SearchQuery } from "@/api/calls";
import { folderQuery, searchQuery } from "@/api/queries";
import type { SearchHit, SearchResult } from "@/api/types";
import type { SearchSearch } from "@/app/search-params";
import { DocumentIcon } from "@/components/FileIcon";
import { formatCount, formatSize } from "@/components/format";
import { ErrorState, Message, RowSkeletons } from "@/components/States";
import { When } from "@/components/When";
import { Facets } from "./Facets";
import { MarkedText, Snippet } from "./MarkedText";
import classes from "./SearchPage.module.css";

const route = getRouteApi("/app/search");
const TYPING_PAUSE_MS = 220;
const NO_FACETS = { type: [], tag: [] };

/** Days are days where the reader is; the service counts in UTC, and leaves out the end. */
const startOfDay = (day: string, later = 0): string => {
  const date = new Date(`${day}T00:00:00`);
  date.setDate(date.getDate() + later);
  return date.toISOString();
};

function toQuery(search: SearchSearch): SearchQuery {
  return {
    q: search.q ?? "",
    ...(search.folder !== undefined && { folder_id: search.folder }),
    ...(search.type && { type: [search.type] }),
    ...(search.tag && { tag: [search.tag] }),
    ...(search.after && { created_after: startOfDay(search.after) }),
    ...(search.before && { created_before: startOfDay(search.before, 1) }),
    ...(search.sort && { sort: search.sort }),
  };
}

const isAsked = ({ sort: _sort, ...filters }: SearchSearch): boolean =>
  Object.values(filters).some(Boolean);

export function SearchPage() {
  const { t } = useTranslation();
  const search = route.useSearch();
  const navigate = route.useNavigate();
  useDocumentTitle(`${search.q ?? t("nav.search")} · ${t("app.name")}`);
  const [filtersOpened, filters] = useDisclosure(false);
  const asked = isAsked(search);
  const results = useInfiniteQuery({
    ...searchQuery(toQuery(search)),
    enabled: asked,
    placeholderData: keepPreviousData,
  });
  const first = results.data?.pages[0];
  const set = (change: SearchSearch) =>
    void navigate({ search: (old) => ({ ...old, ...change }), replace: true });

  const facets = (
    <Facets
      search={search}
      facets={first?.facets ?? NO_FACETS}
      estimated={first?.facets_are_estimates ?? false}
      onChange={set}
    />
  );
  return (
    <div className={classes.page}>
      <div className={classes.head}>
        <h1 className="visually-hidden">{t("nav.search")}</h1>
        <SearchBox value={search.q ?? ""} onChange={(q) => set({ q: q || undefined })} />
        <SyntaxHelp />
        <Button
          hiddenFrom="md"
          variant="default"
          px={8}
          onClick={filters.open}
          aria-label={t("search.filters")}
        >
          <IconAdjustments size={17} />
        </Button>
      </div>
      <div className={classes.body}>
        <aside className={classes.side} aria-label={t("search.filters")}>
          <ScrollArea h="100%" type="hover" scrollbarSize={8}>
            <div className={classes.facets}>{facets}</div>
          </ScrollArea>
        </aside>
        <Drawer
          opened={filtersOpened}
          onClose={filters.close}
          title={t("search.filters")}
          size={300}
        >
          {facets}
        </Drawer>
        <section
          className={classes.results}
          aria-label={t("search.results")}
          data-stale={results.isPlaceholderData || undefined}
        >
          {!asked && (
            <Message
              icon={IconSearch}
              title={t("search.startTitle")}
              text={t("search.startText")}
            />
          )}
          {asked && results.isPending && <RowSkeletons count={8} />}
          {results.isError && (
            <ErrorState error={results.error} onRetry={() => void results.refetch()} />
          )}
          {asked && first && (
            <>
              <ResultsHead result={first} search={search} onChange={set} />
              {first.items.length === 0 ? (
                <NothingFound
                  search={search}
                  onClear={() => void navigate({ search: { q: search.q } })}
                />
              ) : (
                <Results
                  hits={results.data?.pages.flatMap((page) => page.items) ?? []}
                  query={search.q}
                />
              )}
              {results.hasNextPage && (
                <Group justify="center" p="md">
                  <Button
                    variant="default"
                    loading={results.isFetchingNextPage}
                    onClick={() => void results.fetchNextPage()}
                  >
                    {t("search.more")}
                  </Button>
                </Group>
              )}
            </>
          )}
        </section>
      </div>
    </div>
  );
}

function SearchBox({ value, onChange }: { value: string; onChange: (q: string) => void }) {
  const { t } = useTranslation();
  const [text, setText] = useState(value);
  const [sent, setSent] = useState(value);
  const [shown, setShown] = useState(value);
  // The address may change from elsewhere: the palette, a tag, the back button. Our own change
  // coming back is no news: by then more may have been typed.
  if (value !== shown) {
    setShown(value);
    if (value !== sent) setText(value);
  }
  const send = (next: string) => {
    setSent(next);
    onChange(next);
  };
  const settle = useDebouncedCallback(send, TYPING_PAUSE_MS);
  const change = (next: string) => {
    setText(next);
    settle(next.trim());
  };
  return (
    <TextInput
      className={classes.box}
      size="sm"
      type="search"
      autoFocus
      aria-label={t("search.box")}
      placeholder={t("search.placeholder")}
      leftSection={<IconSearch size={17} stroke={1.8} />}
      value={text}
      onChange={(event) => change(event.currentTarget.value)}
      onKeyDown={(event) => {
        if (event.key === "Enter") send(text.trim());
      }}
      rightSection={
        text && <CloseButton size="sm" aria-label={t("search.clear")} onClick={() => change("")} />
      }
    />
  );
}

const EXAMPLES = [
  ['"annual report"', "phrase"],
  ["invoice -draft", "not"],
  ["lease or rent", "or"],
  ["type:pdf", "type"],
  ["tag:contract", "tag"],
  ["owner:anna", "owner"],
  ["after:2026-01-01", "date"],
  ["size>10MB", "size"],
] as const;

function SyntaxHelp() {
  const { t } = useTranslation();
  return (
    <Popover position="bottom-end" shadow="md" width={340}>
      <Popover.Target>
        <Button variant="subtle" color="gray" px={8} aria-label={t("search.syntax")}>
          <IconHelp size={17} />
        </Button>
      </Popover.Target>
      <Popover.Dropdown>
        <Title order={3} mb={6}>
          {t("search.syntax")}
        </Title>
        <Table fz="sm" verticalSpacing={4} withRowBorders={false}>
          <Table.Tbody>
            {EXAMPLES.map(([example, meaning]) => (
              <Table.Tr key={example}>
                <Table.Td>
                  <code>{example}</code>
                </Table.Td>
                <Table.Td c="dimmed">{t(`search.example.${meaning}`)}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Popover.Dropdown>
    </Popover>
  );
}

type ChangeProps = { search: SearchSearch; onChange: (change: SearchSearch) => void };

function ResultsHead({ result, search, onChange }: ChangeProps & { result: SearchResult }) {
  const { t } = useTranslation();
  const values = { count: result.total, formatted: formatCount(result.total) };
  return (
    <div className={classes.resultsHead}>
      <Text size="sm" c="dimmed" aria-live="polite">
        {t(result.total_is_estimate ? "search.about" : "search.total", values)}
      </Text>
      <ActiveFilters search={search} onChange={onChange} />
      <SegmentedControl
        size="xs"
        ml="auto"
        aria-label={t("search.sort")}
        data={[
          { value: "relevance", label: t("search.relevance") },
          { value: "newest", label: t("search.newest") },
        ]}
        value={search.sort ?? "relevance"}
        onChange={(value) => onChange({ sort: value === "newest" ? "newest" : undefined })}
      />
    </div>
  );
}

function ActiveFilters({ search, onChange }: ChangeProps) {
  const { t } = useTranslation();
  const folder = useQuery({
    ...folderQuery(search.folder ?? 0),
    enabled: search.folder !== undefined,
  });
  const active: [keyof SearchSearch, string][] = [];
  if (search.folder !== undefined) active.push(["folder", folder.data?.name ?? "…"]);
  if (search.type) active.push(["type", t(`family.${search.type}`)]);
  if (search.tag) active.push(["tag", search.tag]);
  if (search.after) active.push(["after", t("search.since", { date: search.after })]);
  if (search.before) active.push(["before", t("search.until", { date: search.before })]);
  return active.map(([key, label]) => (
    <Badge
      key={key}
      size="md"
      pr={2}
      rightSection={
        <CloseButton
          size={16}
          iconSize={12}
          aria-label={t("search.removeFilter", { label })}
          onClick={() => onChange({ [key]: undefined })}
        />
      }
    >
      {label}
    </Badge>
  ));
}

function NothingFound({ search, onClear }: { search: SearchSearch; onClear: () => void }) {
  const { t } = useTranslation();
  const { q: _q, sort: _sort, ...rest } = search;
  const filtered = Object.values(rest).some(Boolean);
  return (
    <Message
      icon={IconSearchOff}
      title={search.q ? t("search.nothing", { query: search.q }) : t("search.nothingFiltered")}
      text={t(filtered ? "search.adviceFiltered" : "search.advice")}
    >
      {filtered && (
        <Button variant="default" onClick={onClear}>
          {t("search.clearFilters")}
        </Button>
      )}
    </Message>
  );
}

function Results({ hits, query }: { hits: readonly SearchHit[]; query: string | undefined }) {
  return (
    <ol className={classes.list}>
      {hits.map((hit) => (
        <Hit key={hit.document.id} hit={hit} query={query} />
      ))}
    </ol>
  );
}

function Hit({ hit, query }: { hit: SearchHit; query: string | undefined }) {
  const { document, snippet } = hit;
  return (
    <li>
      <Link
        to="/documents/$documentId"
        params={{ documentId: document.id }}
        search={query === undefined ? {} : { q: query }}
        className={classes.hit ?? ""}
      >
        <DocumentIcon name={document.name} mediaType={document.media_type} size={24} />
        <span className={classes.hitText}>
          <span className={classes.name}>
            <MarkedText text={document.name} query={query} />
          </span>
          {snippet && (
            <span className={classes.snippet}>
              <Snippet text={snippet} />
            </span>
          )}
          <span className={classes.meta}>
            <span className={classes.place}>
              {document.ancestors.map((one) => one.name).join(" / ")}
            </span>
            <span>·</span>
            <When at={document.updated_at} />
            <span>·</span>
            <span>{formatSize(document.size)}</span>
            <span className={classes.tags}>
              {document.tags.slice(0, 3).map((tag) => (
                <Badge key={tag} color="gray" size="xs">
                  {tag}
                </Badge>
              ))}
            </span>
          </span>
        </span>
      </Link>
    </li>
  );
}
