/** The root of the library: the cabinets one may see. */
import { Button } from "@mantine/core";
import { useDocumentTitle, useHotkeys } from "@mantine/hooks";
import { IconPlus, IconServer2 } from "@tabler/icons-react";
import { useInfiniteQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { useCallback, useMemo } from "react";
import { useTranslation } from "react-i18next";
import { cabinetsQuery } from "@/api/queries";
import { useMe } from "@/app/useMe";
import { PageHead } from "@/components/PageHead";
import { ErrorState, Message, RowSkeletons } from "@/components/States";
import { openNewFolder } from "./dialogs";
import { ItemBrowser } from "./ItemBrowser";
import { folderItem } from "./items";
import { SelectionBar } from "./SelectionBar";
import { useItemSelection } from "./useItemSelection";
import { ViewSwitch } from "./ViewSwitch";

const route = getRouteApi("/app/library");

export function CabinetsPage() {
  const { t } = useTranslation();
  useDocumentTitle(`${t("nav.library")} · ${t("app.name")}`);
  const { isAdministrator } = useMe();
  const { view = "list" } = route.useSearch();
  const navigate = route.useNavigate();
  const cabinets = useInfiniteQuery(cabinetsQuery);
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = cabinets;
  const items = useMemo(
    () => cabinets.data?.pages.flatMap((page) => page.items.map(folderItem)) ?? [],
    [cabinets.data],
  );
  const list = useItemSelection(items);
  const create = () => openNewFolder(null, "cabinet");
  useHotkeys([["N", () => isAdministrator && create()]]);

  const loadMore = useCallback(() => {
    if (hasNextPage && !isFetchingNextPage) void fetchNextPage();
  }, [hasNextPage, isFetchingNextPage, fetchNextPage]);

  const newButton = isAdministrator && (
    <Button leftSection={<IconPlus size={15} />} onClick={create}>
      {t("library.new.cabinet")}
    </Button>
  );

  return (
    <>
      <PageHead title={t("nav.library")}>
        {list.selectedItems.length > 0 ? (
          <SelectionBar items={list.selectedItems} onClear={list.clear} />
        ) : (
          <>
            <ViewSwitch
              view={view}
              onChange={(next) => void navigate({ search: { view: next }, replace: true })}
            />
            {newButton}
          </>
        )}
      </PageHead>
      {cabinets.isPending && <RowSkeletons />}
      {cabinets.isError && (
        <ErrorState error={cabinets.error} onRetry={() => void cabinets.refetch()} />
      )}
      {cabinets.isSuccess && items.length === 0 && (
        <Message
          icon={IconServer2}
          title={t("library.noCabinets.title")}
          text={
            isAdministrator ? t("library.noCabinets.administrator") : t("library.noCabinets.member")
          }
        >
          {newButton}
        </Message>
      )}
      {items.length > 0 && (
        <ItemBrowser
          label={t("nav.library")}
          items={items}
          total={items.length}
          view={view}
          list={list}
          parentId={null}
          loadMore={loadMore}
          loadAll={() => Promise.resolve(items)}
        />
      )}
    </>
  );
}
