/** One policy: what it says, for whom; tried before it is saved, and what it said before. */
import { Alert, Button, Menu, Skeleton, Tabs } from "@mantine/core";
import { useDocumentTitle } from "@mantine/hooks";
import { IconAlertTriangle, IconDots, IconTrash } from "@tabler/icons-react";
import { useMutation, useQuery } from "@tanstack/react-query";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { deletePolicy, updatePolicy } from "@/api/calls";
import { isProblem } from "@/api/problem";
import { accessChanged, keys, policyQuery, queryClient } from "@/api/queries";
import type { Policy } from "@/api/types";
import { POLICY_TABS, type PolicyTab } from "@/app/search-params";
import { notifyDone } from "@/components/notify";
import { PageHead } from "@/components/PageHead";
import { ErrorState } from "@/components/States";
import { useLeaveGuard } from "@/components/useLeaveGuard";
import { ErrorNote } from "@/features/library/dialogs";
import { Attachments } from "./Attachments";
import { openChange } from "./change";
import { ForAdministrators } from "./ForAdministrators";
import classes from "./Policies.module.css";
import { PolicyFields } from "./PolicyFields";
import { writePolicy } from "./policyText";
import { Simulator } from "./Simulator";
import { read, useCheck } from "./useCheck";
import { useDraft, type Draft } from "./useDraft";
import { Versions } from "./Versions";

const route = getRouteApi("/app/policies/$policyId");

const asTab = (value: string | null): PolicyTab =>
  POLICY_TABS.find((tab) => tab === value) ?? "attached";

export function PolicyPage() {
  const { policyId } = route.useParams();
  return (
    <ForAdministrators>
      <Loaded key={policyId} policyId={policyId} />
    </ForAdministrators>
  );
}

function Loaded({ policyId }: { policyId: number }) {
  const policy = useQuery(policyQuery(policyId));
  if (policy.isError) {
    return <ErrorState error={policy.error} onRetry={() => void policy.refetch()} />;
  }
  if (policy.isPending) return <Skeleton height={300} m="md" />;
  return <EditPolicy policy={policy.data} />;
}

const savedOf = (policy: Policy): Draft => ({
  name: policy.name,
  description: policy.description,
  text: writePolicy(policy.document),
  version: policy.version,
});

function EditPolicy({ policy }: { policy: Policy }) {
  const { t } = useTranslation();
  useDocumentTitle(`${policy.name} · ${t("app.name")}`);
  const { tab } = route.useSearch();
  const navigate = route.useNavigate();
  const saved = savedOf(policy);
  const { draft, change, reset, isChanged } = useDraft(saved);
  useLeaveGuard(isChanged, t("policies.leaveTitle"));
  const checked = useCheck(draft.text);
  const isStale = isChanged && draft.version !== policy.version;
  const says = draft.text !== saved.text;
  const found = read(t, draft.text);
  const document = "document" in found ? found.document : policy.document;

  const write = async (reason?: string) => {
    try {
      return await updatePolicy(policy.id, {
        name: draft.name.trim(),
        description: draft.description,
        version: draft.version,
        ...(says && { document }),
        ...(reason !== undefined && { reason }),
      });
    } catch (error) {
      // What somebody else saved is shown beside what was written here.
      if (isProblem(error, "stale")) await queryClient.invalidateQueries(policyQuery(policy.id));
      throw error;
    }
  };
  const done = (next: Policy) => {
    queryClient.setQueryData(keys.policy(policy.id), next);
    reset();
    notifyDone(t("policies.saved", { number: next.version }));
    accessChanged();
  };
  const save = useMutation({ mutationFn: () => write(), onSuccess: done });
  const submit = () => {
    if (!says || policy.attached_to.length === 0) {
      save.mutate();
      return;
    }
    openChange({
      title: t("policies.saveTitle", { number: policy.version + 1 }),
      text: t("policies.saveText"),
      change: { policy_id: policy.id, document, action: READ },
      confirm: t("policies.saveAs", { number: policy.version + 1 }),
      onConfirm: async (reason) => done(await write(reason)),
      onDone: () => undefined,
    });
  };

  return (
    <>
      <PageHead title={policy.name}>
        <Button
          disabled={!isChanged || isStale || !checked.isValid || draft.name.trim() === ""}
          loading={save.isPending}
          onClick={submit}
        >
          {t("common.save")}
        </Button>
        <PolicyMenu policy={policy} />
      </PageHead>
      <div className={classes.page} tabIndex={0} role="region" aria-label={policy.name}>
        {save.isError && <ErrorNote error={save.error} />}
        {isStale && (
          <Alert
            color="orange"
            mb="md"
            icon={<IconAlertTriangle size={18} />}
            title={t("policies.stale", { number: policy.version })}
          >
            {t("policies.staleText")}{" "}
            <Button variant="default" size="compact-xs" onClick={reset}>
              {t("policies.takeTheirs")}
            </Button>{" "}
            <Button
              variant="subtle"
              size="compact-xs"
              onClick={() => change({ version: policy.version })}
            >
              {t("policies.keepMine")}
            </Button>
          </Alert>
        )}
        <div className={classes.columns}>
          <PolicyFields draft={draft} change={change} checked={checked} />
          <Tabs
            value={tab ?? "attached"}
            onChange={(next) => void navigate({ search: { tab: asTab(next) }, replace: true })}
          >
            <Tabs.List mb="sm">
              {POLICY_TABS.map((one) => (
                <Tabs.Tab key={one} value={one}>
                  {t(`policies.tab.${one}`)}
                </Tabs.Tab>
              ))}
            </Tabs.List>
            <Tabs.Panel value="attached">
              <Attachments policy={policy} />
            </Tabs.Panel>
            <Tabs.Panel value="simulator">
              <Simulator
                policyId={policy.id}
                attached={policy.attached_to}
                text={draft.text}
                isValid={checked.isValid}
              />
            </Tabs.Panel>
            <Tabs.Panel value="versions">
              {tab === "versions" && <Versions policy={policy} />}
            </Tabs.Panel>
          </Tabs>
        </div>
      </div>
    </>
  );
}

const READ = "dms:document:Read";

function PolicyMenu({ policy }: { policy: Policy }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const remove = () =>
    openChange({
      title: t("policies.deleteTitle", { name: policy.name }),
      change: { policy_id: policy.id, action: READ },
      confirm: t("policies.delete"),
      color: "red",
      onConfirm: () => deletePolicy(policy.id),
      onDone: () => {
        notifyDone(t("policies.deleted", { name: policy.name }));
        queryClient.removeQueries({ queryKey: keys.policy(policy.id) });
        void navigate({ to: "/policies", ignoreBlocker: true });
      },
    });
  return (
    <Menu width={200}>
      <Menu.Target>
        <Button
          variant="default"
          px={7}
          aria-label={t("library.actionsFor", { name: policy.name })}
        >
          <IconDots size={17} />
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item className="danger-item" leftSection={<IconTrash size={16} />} onClick={remove}>
          {t("policies.deleteEllipsis")}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
