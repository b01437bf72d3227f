/** The log of what sources brought, and what became of it. */
import { Badge, Button, SegmentedControl, Select, Text } from "@mantine/core";
import { IconInbox, IconRefresh, IconX } from "@tabler/icons-react";
import { keepPreviousData, useInfiniteQuery, useMutation, useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { retryIntakeItem } from "@/api/calls";
import { intakeItemsQuery, intakeSourcesQuery, keys, queryClient } from "@/api/queries";
import type { IntakeItem } from "@/api/types";
import { INTAKE_STATES, type IntakeSearch } from "@/app/search-params";
import { DocumentIcon } from "@/components/FileIcon";
import { formatSize } from "@/components/format";
import { notifyDone, notifyError } from "@/components/notify";
import { PagedList } from "@/components/PagedList";
import { Message } from "@/components/States";
import { When } from "@/components/When";
import storage from "@/features/admin/StoragePage.module.css";
import classes from "./Intake.module.css";
import { ForAdministrators, WaysIn } from "./WaysIn";

const route = getRouteApi("/app/ways-in/items");

export function ItemsPage() {
  return (
    <ForAdministrators>
      <Items />
    </ForAdministrators>
  );
}

function Items() {
  const { t } = useTranslation();
  const { source, state, document } = route.useSearch();
  const items = useInfiniteQuery({
    ...intakeItemsQuery({
      ...(source && { source_id: source }),
      ...(state && { state }),
      ...(document && { document_id: document }),
    }),
    placeholderData: keepPreviousData,
  });
  const isFiltered = [source, state, document].some((one) => one !== undefined);
  return (
    <WaysIn view="items">
      <Filters />
      <PagedList
        query={items}
        label={t("intake.items.label")}
        className={storage.list}
        row={(item) => <ItemRow key={item.id} item={item} />}
        empty={
          isFiltered ? (
            <Message icon={IconInbox} title={t("intake.items.noneFits")} />
          ) : (
            <Message
              icon={IconInbox}
              title={t("intake.items.emptyTitle")}
              text={t("intake.items.emptyText")}
            />
          )
        }
      />
    </WaysIn>
  );
}

function Filters() {
  const { t } = useTranslation();
  const { source, state, document } = route.useSearch();
  const navigate = route.useNavigate();
  const sources = useQuery(intakeSourcesQuery);
  const set = (change: IntakeSearch) =>
    void navigate({ search: (old) => ({ ...old, ...change }), replace: true });
  return (
    <div className={classes.filters}>
      <Select
        size="xs"
        clearable
        label={t("intake.items.source")}
        placeholder={t("intake.items.allSources")}
        data={(sources.data ?? []).map(({ id, name }) => ({ value: String(id), label: name }))}
        value={source === undefined ? null : String(source)}
        onChange={(value) => set({ source: value === null ? undefined : Number(value) })}
      />
      <SegmentedControl
        size="xs"
        aria-label={t("intake.items.stateLabel")}
        data={[
          { value: "all", label: t("intake.items.allStates") },
          ...INTAKE_STATES.map((value) => ({ value, label: t(`intake.items.state.${value}`) })),
        ]}
        value={state ?? "all"}
        onChange={(value) => set({ state: INTAKE_STATES.find((one) => one === value) })}
      />
      {document !== undefined && (
        <Button
          size="xs"
          variant="light"
          rightSection={<IconX size={14} />}
          aria-label={t("intake.items.ofAll")}
          onClick={() => set({ document: undefined })}
        >
          {t("intake.items.ofDocument")}
        </Button>
      )}
    </div>
  );
}

const COLORS = { filed: "teal", refused: "orange", failed: "red" } as const;

/** What came by a letter to an address is sent again by its sender: it is not here any more. */
const mayRetry = ({ state, source }: IntakeItem): boolean =>
  state !== "filed" && source.kind !== "smtp";

function ItemRow({ item }: { item: IntakeItem }) {
  const { t } = useTranslation();
  const facts = [
    item.source.name,
    ...(item.sender === null ? [] : [t("intake.items.from", { sender: item.sender })]),
    ...(item.size === null ? [] : [formatSize(item.size)]),
    ...(item.tries > 1 ? [t("intake.items.tries", { count: item.tries })] : []),
  ];
  return (
    <li className={storage.row}>
      <Badge color={COLORS[item.state]} w={110}>
        {t(`intake.items.state.${item.state}`)}
      </Badge>
      <div className={storage.what}>
        <Text size="sm" fw={550} className={storage.detail}>
          {item.name ?? t("intake.items.gone")}
        </Text>
        {item.subject !== null && (
          <Text size="sm" className={storage.detail}>
            {item.subject}
          </Text>
        )}
        {item.reason !== null && (
          <Text size="sm" className={storage.detail}>
            {item.reason}
          </Text>
        )}
        <FiledAs item={item} />
        <Text size="xs" c="dimmed" className={storage.detail}>
          {facts.join(" · ")}
        </Text>
        {item.rules.length > 0 && (
          <Text size="xs" c="dimmed" className={storage.detail}>
            {t("intake.items.rules", { names: item.rules.join(", ") })}
          </Text>
        )}
        {mayRetry(item) && <Retry item={item} />}
      </div>
      <Text size="xs" c="dimmed" className={storage.when}>
        <When at={item.at} />
      </Text>
    </li>
  );
}

function FiledAs({ item: { document } }: { item: IntakeItem }) {
  if (document === null) return null;
  return (
    <div className={storage.document}>
      <DocumentIcon name={document.name} size={16} />
      <Link to="/documents/$documentId" params={{ documentId: document.id }}>
        {document.name}
      </Link>
    </div>
  );
}

function Retry({ item }: { item: IntakeItem }) {
  const { t } = useTranslation();
  const retry = useMutation({
    mutationFn: () => retryIntakeItem(item.id),
    onSuccess: () => notifyDone(t("intake.items.retried")),
    onError: notifyError,
    onSettled: () => queryClient.invalidateQueries({ queryKey: keys.intake }),
  });
  return (
    <Button
      mt={6}
      size="compact-sm"
      variant="default"
      leftSection={<IconRefresh size={14} />}
      aria-label={t("intake.items.retryOf", { name: item.name ?? "" })}
      loading={retry.isPending}
      onClick={() => retry.mutate()}
    >
      {t("intake.items.retry")}
    </Button>
  );
}
