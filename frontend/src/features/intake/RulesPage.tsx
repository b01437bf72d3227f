/** The rules: an ordered list that is written here, tried, and put in force as a whole. */
import { Alert, Button, Group } from "@mantine/core";
import { IconAlertTriangle, IconListCheck, IconPlus } from "@tabler/icons-react";
import { useMutation, useQueries, useQuery } from "@tanstack/react-query";
import { useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { replaceIntakeRules } from "@/api/calls";
import { isProblem } from "@/api/problem";
import { folderQuery, intakeRulesQuery, intakeSourcesQuery, queryClient } from "@/api/queries";
import type { IntakeRules, IntakeSource } from "@/api/types";
import { notifyDone } from "@/components/notify";
import { ErrorState, Message, RowSkeletons } from "@/components/States";
import { useLeaveGuard } from "@/components/useLeaveGuard";
import storage from "@/features/admin/StoragePage.module.css";
import { ErrorNote } from "@/features/library/dialogs";
import { pathOf } from "./FolderField";
import classes from "./Intake.module.css";
import { moved, newRule, type RuleDraft, ruleOf } from "./ruleDraft";
import { RuleRow } from "./RuleRow";
import type { Names } from "./ruleWords";
import { TryRules } from "./TryRules";
import { useRulesDraft, type RulesDraft } from "./useRulesDraft";
import { ForAdministrators, WaysIn } from "./WaysIn";

export function RulesPage() {
  return (
    <ForAdministrators>
      <Loaded />
    </ForAdministrators>
  );
}

function Loaded() {
  const rules = useQuery(intakeRulesQuery);
  const sources = useQuery(intakeSourcesQuery);
  // What is being written stays, also where the look for what is new fails.
  if (rules.data) return <EditRules saved={rules.data} sources={sources.data ?? []} />;
  return (
    <WaysIn view="rules">
      {rules.isError ? (
        <ErrorState error={rules.error} onRetry={() => void rules.refetch()} />
      ) : (
        <RowSkeletons count={3} />
      )}
    </WaysIn>
  );
}

function useNames(rules: readonly RuleDraft[], sources: readonly IntakeSource[]): Names {
  const { t } = useTranslation();
  const ids = [...new Set(rules.flatMap(({ then }) => then.folder_id ?? []))];
  const folders = useQueries({ queries: ids.map((id) => folderQuery(id)) });
  const paths = new Map(
    ids.map((id, index) => {
      const found = folders[index];
      if (found?.data) return [id, pathOf(found.data)];
      return [id, found?.isError ? t("intake.rule.folderUnknown") : "…"];
    }),
  );
  return {
    source: (id) => sources.find((one) => one.id === id)?.name ?? `#${id}`,
    folder: (id) => paths.get(id) ?? "…",
  };
}

type EditProps = { saved: IntakeRules; sources: readonly IntakeSource[] };

function EditRules({ saved, sources }: EditProps) {
  const { t } = useTranslation();
  const draft = useRulesDraft(saved);
  useLeaveGuard(draft.isChanged, t("intake.rules.leave"));
  const names = useNames(draft.rules, sources);
  const save = useMutation({
    mutationFn: () => replaceIntakeRules(draft.basis, draft.rules.map(ruleOf)),
    onSuccess: (next) => {
      queryClient.setQueryData(intakeRulesQuery.queryKey, next);
      draft.discard();
      notifyDone(t("intake.rules.saved"));
    },
    onError: async (error) => {
      // What somebody else saved is told beside what was written here.
      if (isProblem(error, "stale")) await queryClient.invalidateQueries(intakeRulesQuery);
    },
  });
  const isNamed = draft.rules.every(({ name }) => name.trim() !== "");
  const isOurFault = save.isError && !isProblem(save.error, "stale");
  return (
    <WaysIn
      view="rules"
      action={
        <>
          {draft.isChanged && (
            <Button
              variant="default"
              onClick={() => {
                draft.discard();
                save.reset();
              }}
            >
              {t("intake.rules.discard")}
            </Button>
          )}
          <Button
            disabled={!draft.isChanged || draft.isStale || !isNamed}
            loading={save.isPending}
            onClick={() => save.mutate()}
          >
            {t("intake.rules.save")}
          </Button>
        </>
      }
    >
      {isOurFault && <ErrorNote error={save.error} />}
      {draft.isStale && <Stale draft={draft} saved={saved} />}
      <div className={classes.columns}>
        <RuleList draft={draft} sources={sources} names={names} />
        <TryRules rules={draft.rules.map(ruleOf)} sources={sources} />
      </div>
    </WaysIn>
  );
}

function Stale({ draft, saved }: { draft: RulesDraft; saved: IntakeRules }) {
  const { t } = useTranslation();
  const names = saved.items.map(({ name }) => name).join(", ") || t("intake.rules.staleNone");
  return (
    <Alert
      color="orange"
      mb="md"
      icon={<IconAlertTriangle size={18} />}
      title={t("intake.rules.stale")}
    >
      {t("intake.rules.staleText", { names })}{" "}
      <Button variant="default" size="compact-xs" onClick={draft.discard}>
        {t("intake.rules.takeTheirs")}
      </Button>{" "}
      <Button variant="subtle" size="compact-xs" onClick={draft.keepMine}>
        {t("intake.rules.keepMine")}
      </Button>
    </Alert>
  );
}

type ListProps = { draft: RulesDraft; sources: readonly IntakeSource[]; names: Names };

function RuleList({ draft, sources, names }: ListProps) {
  const { t } = useTranslation();
  const { rules, change } = draft;
  const [opened, setOpened] = useState<string | null>(null);
  const [told, setTold] = useState("");
  const made = useRef(0);
  const add = () => {
    made.current += 1;
    const key = `new-${made.current}`;
    change((all) => [...all, newRule(key, t("intake.rules.newName", { number: all.length + 1 }))]);
    setOpened(key);
  };
  const move = (rule: RuleDraft, by: number) => {
    const next = moved(rules, rule.key, by);
    const position = next.findIndex(({ key }) => key === rule.key) + 1;
    change(() => next);
    setTold(t("intake.rules.moved", { name: rule.name, position, count: next.length }));
  };
  return (
    <div>
      {rules.length === 0 ? (
        <Message
          icon={IconListCheck}
          title={t("intake.rules.emptyTitle")}
          text={t("intake.rules.emptyText")}
        />
      ) : (
        <ol className={storage.list} aria-label={t("intake.rules.label")}>
          {rules.map((rule, index) => (
            <RuleRow
              key={rule.key}
              rule={rule}
              position={index + 1}
              count={rules.length}
              names={names}
              sources={sources}
              isOpened={opened === rule.key}
              onToggle={() => setOpened(opened === rule.key ? null : rule.key)}
              onMove={(by) => move(rule, by)}
              onRemove={() => change((all) => all.filter(({ key }) => key !== rule.key))}
              onChange={(next) =>
                change((all) => all.map((one) => (one.key === next.key ? next : one)))
              }
            />
          ))}
        </ol>
      )}
      <p className="visually-hidden" role="status">
        {told}
      </p>
      <Group mt="sm" gap="xs">
        <Button variant="default" leftSection={<IconPlus size={15} />} onClick={add}>
          {t("intake.rules.add")}
        </Button>
        {draft.isChanged && !draft.isStale && t("intake.rules.unsaved")}
      </Group>
    </div>
  );
}
