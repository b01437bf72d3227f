/** Lists that come page by page: their states, their rows, and the button for the next page. */
import { Button, Group, type ButtonProps } from "@mantine/core";
import type { InfiniteData, UseInfiniteQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { ErrorState, RowSkeletons } from "./States";

type MoreProps = {
  query: Pick<UseInfiniteQueryResult, "hasNextPage" | "isFetchingNextPage" | "fetchNextPage">;
  size?: NonNullable<ButtonProps["size"]>;
};

/** Where there is a next page, the button that fetches it. */
export function More({ query, size = "sm" }: MoreProps) {
  const { t } = useTranslation();
  if (!query.hasNextPage) return null;
  return (
    <Group justify="center" p="md">
      <Button
        variant="default"
        size={size}
        loading={query.isFetchingNextPage}
        onClick={() => void query.fetchNextPage()}
      >
        {t("common.more")}
      </Button>
    </Group>
  );
}

type PagedListProps<Item> = {
  query: UseInfiniteQueryResult<InfiniteData<{ items: Item[] }>>;
  label: string;
  className: string | undefined;
  /** A list item, with its key. */
  row: (item: Item) => ReactNode;
  empty?: ReactNode;
};

/** What came stays where it is when the next page, or a look for what is new, fails. */
export function PagedList<Item>({ query, label, className, row, empty }: PagedListProps<Item>) {
  if (query.isPending) return <RowSkeletons />;
  const items = query.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <>
      {query.isError && <ErrorState error={query.error} onRetry={() => void query.refetch()} />}
      {query.isSuccess && items.length === 0 && empty}
      {items.length > 0 && (
        <ul className={className} aria-label={label}>
          {items.map(row)}
        </ul>
      )}
      <More query={query} />
    </>
  );
}
