/** A policy that is not there yet: written and tried, and kept for nobody at first. */
import { Button } from "@mantine/core";
import { useDocumentTitle } from "@mantine/hooks";
import { useMutation } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { createPolicy } from "@/api/calls";
import { accessChanged, keys, queryClient } from "@/api/queries";
import { notifyDone } from "@/components/notify";
import { PageHead } from "@/components/PageHead";
import { useLeaveGuard } from "@/components/useLeaveGuard";
import { ErrorNote } from "@/features/library/dialogs";
import { ForAdministrators } from "./ForAdministrators";
import classes from "./Policies.module.css";
import { PolicyFields } from "./PolicyFields";
import { FIRST_TEXT } from "./policyText";
import { Simulator } from "./Simulator";
import { read, useCheck } from "./useCheck";
import { useDraft } from "./useDraft";

export function NewPolicyPage() {
  return (
    <ForAdministrators>
      <NewPolicy />
    </ForAdministrators>
  );
}

function NewPolicy() {
  const { t } = useTranslation();
  useDocumentTitle(`${t("policies.new")} · ${t("app.name")}`);
  const navigate = useNavigate();
  const { draft, change, isChanged } = useDraft({
    name: "",
    description: "",
    text: FIRST_TEXT,
    version: 0,
  });
  const checked = useCheck(draft.text);
  const create = useMutation({
    mutationFn: async () => {
      const found = read(t, draft.text);
      if ("fault" in found) return null;
      const { name, description } = draft;
      return createPolicy({ name: name.trim(), description, document: found.document });
    },
    onSuccess: (made) => {
      if (made === null) return;
      queryClient.setQueryData(keys.policy(made.id), made);
      accessChanged();
      notifyDone(t("policies.created"));
      void navigate({
        to: "/policies/$policyId",
        params: { policyId: made.id },
        search: { tab: "attached" },
        ignoreBlocker: true,
      });
    },
  });
  useLeaveGuard(isChanged, t("policies.leaveTitle"));
  return (
    <>
      <PageHead title={t("policies.new")}>
        <Button
          disabled={!checked.isValid || draft.name.trim() === ""}
          loading={create.isPending}
          onClick={() => create.mutate()}
        >
          {t("common.save")}
        </Button>
      </PageHead>
      <div className={classes.page} tabIndex={0} role="region" aria-label={t("policies.new")}>
        {create.isError && <ErrorNote error={create.error} />}
        <div className={classes.columns}>
          <PolicyFields draft={draft} change={change} checked={checked} />
          <section aria-label={t("policies.tab.simulator")}>
            <Simulator attached={[]} text={draft.text} isValid={checked.isValid} />
          </section>
        </div>
      </div>
    </>
  );
}
