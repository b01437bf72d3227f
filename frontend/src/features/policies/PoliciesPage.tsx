/** Administration of access: the policies there are, and the cabinets whose access can be managed. */
import { Badge, Button, SegmentedControl, Text } from "@mantine/core";
import { useDocumentTitle } from "@mantine/hooks";
import { IconFileDescription, IconPlus, IconServer2 } from "@tabler/icons-react";
import { useInfiniteQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { allCabinetsQuery, policiesQuery } from "@/api/queries";
import type { Policy } from "@/api/types";
import { PageHead } from "@/components/PageHead";
import { ErrorState, Message, RowSkeletons } from "@/components/States";
import { When } from "@/components/When";
import { More, PagedList } from "@/components/PagedList";
import { ForAdministrators } from "./ForAdministrators";
import classes from "./Policies.module.css";

const route = getRouteApi("/app/policies");

export function PoliciesPage() {
  const { t } = useTranslation();
  useDocumentTitle(`${t("policies.title")} · ${t("app.name")}`);
  return (
    <ForAdministrators>
      <Administration />
    </ForAdministrators>
  );
}

function Administration() {
  const { t } = useTranslation();
  const { show } = route.useSearch();
  const navigate = route.useNavigate();
  return (
    <>
      <PageHead title={t("policies.title")}>
        <Button
          leftSection={<IconPlus size={16} stroke={1.8} />}
          renderRoot={(props) => <Link to="/policies/new" {...props} />}
        >
          {t("policies.new")}
        </Button>
      </PageHead>
      <SegmentedControl
        className={classes.choice ?? ""}
        aria-label={t("policies.choose")}
        data={[
          { value: "policies", label: t("policies.title") },
          { value: "cabinets", label: t("policies.cabinets") },
        ]}
        value={show ?? "policies"}
        onChange={(value) =>
          void navigate({
            search: { show: value === "cabinets" ? "cabinets" : undefined },
            replace: true,
          })
        }
      />
      {show === "cabinets" ? <Cabinets /> : <Policies />}
    </>
  );
}

function Policies() {
  const { t } = useTranslation();
  const policies = useInfiniteQuery(policiesQuery);
  return (
    <PagedList
      query={policies}
      label={t("policies.title")}
      className={classes.list}
      row={(policy) => <PolicyRow key={policy.id} policy={policy} />}
      empty={
        <Message
          icon={IconFileDescription}
          title={t("policies.emptyTitle")}
          text={t("policies.emptyText")}
        />
      }
    />
  );
}

function PolicyRow({ policy }: { policy: Policy }) {
  const { t } = useTranslation();
  const { attached_to: attached } = policy;
  const names = attached.map(({ name }) => name).join(", ");
  return (
    <li>
      <Link to="/policies/$policyId" params={{ policyId: policy.id }} className={classes.row ?? ""}>
        <IconFileDescription size={20} stroke={1.6} aria-hidden />
        <span className={classes.text}>
          <Text size="sm" fw={550} component="span" display="block" truncate>
            {policy.name}
          </Text>
          <Text size="xs" c="dimmed" component="span" display="block" truncate>
            {attached.length === 0 ? t("policies.forNobody") : t("policies.for", { names })}
          </Text>
        </span>
        <Badge color="gray" variant="light" className={classes.badge ?? ""}>
          {t("policies.versionShort", { number: policy.version })}
        </Badge>
        <Text size="xs" c="dimmed" component="span" visibleFrom="sm">
          <When at={policy.updated_at} />
        </Text>
      </Link>
    </li>
  );
}

function Cabinets() {
  const { t } = useTranslation();
  const cabinets = useInfiniteQuery(allCabinetsQuery);
  const items = cabinets.data?.pages.flatMap((page) => page.items) ?? [];
  if (cabinets.isPending) return <RowSkeletons />;
  if (cabinets.isError) {
    return <ErrorState error={cabinets.error} onRetry={() => void cabinets.refetch()} />;
  }
  return (
    <>
      <Text size="sm" c="dimmed" px="md" pb="xs">
        {t("policies.cabinetsText")}
      </Text>
      <ul className={classes.list} aria-label={t("policies.cabinets")}>
        {items.map((cabinet) => (
          <li key={cabinet.id}>
            <Link
              to="/access/$kind/$id"
              params={{ kind: "folder", id: cabinet.id }}
              className={classes.row ?? ""}
            >
              <IconServer2 size={20} stroke={1.6} aria-hidden />
              <span className={classes.text}>{cabinet.name}</span>
            </Link>
          </li>
        ))}
      </ul>
      <More query={cabinets} />
    </>
  );
}
