/** Gives a person or a group access, or denies it: a role, or single actions; first one may look at what it would do. */
import { Button, Checkbox, Collapse, Group, SegmentedControl, Select, Stack } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { useState, type SubmitEvent } from "react";
import { useTranslation } from "react-i18next";
import { giveGrant } from "@/api/calls";
import { accessChanged } from "@/api/queries";
import type {
  AccessAction,
  Effect,
  GrantChange,
  GrantRole,
  Principal,
  Resource,
} from "@/api/types";
import { ACTIONS, actionName, isOfDocuments } from "@/components/actions";
import { notifyDone } from "@/components/notify";
import { ErrorNote } from "@/features/library/dialogs";
import classes from "./Access.module.css";
import { PrincipalSelect } from "./PrincipalSelect";
import { withReason, Withdrawn } from "./reason";
import { asRole, ROLES } from "./roles";
import { Simulated } from "./Simulated";
import { writeResource } from "./words";

const SINGLE = "single";

/** What can be said of single actions on a resource; cabinets are created nowhere in particular. */
const actionsOf = ({ kind }: Resource): AccessAction[] =>
  ACTIONS.filter((action) =>
    kind === "document" ? isOfDocuments(action) : action !== "dms:cabinet:Create",
  );

export function GrantForm({ resource }: { resource: Resource }) {
  const { t } = useTranslation();
  const [whom, setWhom] = useState<Principal | null>(null);
  const [effect, setEffect] = useState<Effect>("allow");
  const [role, setRole] = useState<GrantRole | null>("reader");
  const [actions, setActions] = useState<string[]>([]);
  const [tried, setTried] = useState<GrantChange | null>(null);
  const said = role === null ? { actions } : { role };
  const wanted: GrantChange | null =
    whom === null || (role === null && actions.length === 0)
      ? null
      : { principal: whom.principal, effect, ...said };
  const give = useMutation({
    mutationFn: (grant: GrantChange) =>
      withReason((reason) =>
        giveGrant(resource, { ...grant, ...(reason !== undefined && { reason }) }),
      ),
    onSuccess: (made) => {
      const words = made.effect === "allow" ? "access.given" : "access.nowDenied";
      notifyDone(t(words, { name: made.principal.name }));
      setWhom(null);
      setTried(null);
      accessChanged();
    },
  });
  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    if (wanted !== null) give.mutate(wanted);
  };
  const failure = give.error instanceof Withdrawn ? null : give.error;
  const isTried = tried !== null && JSON.stringify(tried) === JSON.stringify(wanted);

  return (
    <form onSubmit={submit} className={classes.form} aria-label={t("access.giveTitle")}>
      <Stack gap="sm">
        {failure && <ErrorNote error={failure} />}
        <PrincipalSelect label={t("access.person")} value={whom} onChange={setWhom} />
        <Group gap="sm" align="flex-end">
          <SegmentedControl
            aria-label={t("access.effect")}
            data={[
              { value: "allow", label: t("access.allow") },
              { value: "deny", label: t("access.deny") },
            ]}
            value={effect}
            onChange={(value) => setEffect(value === "deny" ? "deny" : "allow")}
          />
          <Select
            label={t("access.what")}
            style={{ flex: 1, minWidth: 200 }}
            allowDeselect={false}
            data={[
              ...ROLES.map((one) => ({ value: one, label: t(`access.roleChoice.${one}`) })),
              { value: SINGLE, label: t("access.singleActions") },
            ]}
            value={role ?? SINGLE}
            onChange={(value) => setRole(value === SINGLE ? null : asRole(value))}
          />
        </Group>
        <Collapse expanded={role === null}>
          <Checkbox.Group
            label={t("access.singleActions")}
            size="sm"
            value={actions}
            onChange={setActions}
          >
            <div className={classes.actions}>
              {actionsOf(resource).map((action) => (
                <Checkbox key={action} size="xs" value={action} label={actionName(t, action)} />
              ))}
            </div>
          </Checkbox.Group>
        </Collapse>
        <Group gap="xs" justify="flex-end">
          <Button variant="subtle" disabled={wanted === null} onClick={() => setTried(wanted)}>
            {t("access.tryGrant")}
          </Button>
          <Button
            type="submit"
            color={effect === "deny" ? "red" : "blue"}
            disabled={wanted === null}
            loading={give.isPending}
          >
            {t(effect === "deny" ? "access.denyButton" : "access.giveButton")}
          </Button>
        </Group>
        {isTried && (
          <Simulated
            change={{
              grant: tried,
              resource: writeResource(resource),
              action: "dms:document:Read",
            }}
          />
        )}
      </Stack>
    </form>
  );
}
