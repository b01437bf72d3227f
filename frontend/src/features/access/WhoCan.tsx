/** Everybody who may do something here, each with what says so. */
import { Select, Skeleton, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { whoCanQuery } from "@/api/queries";
import type { AccessAction, Resource } from "@/api/types";
import { ACTIONS, actionHere, isOfDocuments } from "@/components/actions";
import { ErrorState } from "@/components/States";
import classes from "./Access.module.css";
import { PrincipalMark } from "./PrincipalMark";
import { concerns, sourceWords, type Place } from "./words";

type WhoCanProps = { resource: Resource; place: Place; onAsk: (principal: string) => void };

function actionsOf({ kind }: Resource, place: Place): AccessAction[] {
  const found = ACTIONS.filter((action) =>
    kind === "document"
      ? isOfDocuments(action)
      : !isOfDocuments(action) || action === "dms:access:Manage",
  );
  return found.filter((action) => action !== "dms:cabinet:Create" && concerns(action, place));
}

export function WhoCan({ resource, place, onAsk }: WhoCanProps) {
  const { t } = useTranslation();
  const [chosen, setChosen] = useState<string>(
    resource.kind === "document" ? "dms:document:Read" : "dms:folder:List",
  );
  const found = useQuery(whoCanQuery(chosen, place.resource));
  return (
    <Stack gap="sm">
      <Select
        label={t("access.whoMay")}
        allowDeselect={false}
        data={actionsOf(resource, place).map((action) => ({
          value: action,
          label: actionHere(t, action),
        }))}
        value={chosen}
        onChange={(value) => value !== null && setChosen(value)}
      />
      {found.isError && <ErrorState error={found.error} />}
      {found.isPending && <Skeleton height={36} />}
      {found.isSuccess && (
        <>
          <Text size="sm" c="dimmed" aria-live="polite">
            {t("access.people", { count: found.data.total })}
          </Text>
          <ul className={classes.list} aria-label={t("access.whoMay")}>
            {found.data.items.map(({ user, decided_by }) => (
              <li key={user.principal} className={classes.row}>
                <PrincipalMark principal={user} />
                <div className={classes.text}>
                  <button
                    type="button"
                    className={classes.name}
                    onClick={() => onAsk(user.principal)}
                  >
                    {user.name}
                  </button>
                  <Text size="xs" c="dimmed" className={classes.wrap}>
                    {sourceWords(t, decided_by, place)}
                  </Text>
                </div>
              </li>
            ))}
          </ul>
          {found.data.total > found.data.items.length && (
            <Text size="xs" c="dimmed">
              {t("access.notAllShown", { count: found.data.items.length })}
            </Text>
          )}
        </>
      )}
    </Stack>
  );
}
