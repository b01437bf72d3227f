/** Everybody who may do something here, each with what says so. */
import { Select, Skeleton, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import type { TFunction } from "i18next";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { whoCanQuery } from "@/api/queries";
import type { AccessAction, Resource } from "@/api/types";
import { ACTIONS, actionHere, actionName, isOfDocuments } from "@/components/actions";
import { ErrorState } from "@/components/States";
import classes from "./Access.module.css";
import { PrincipalMark } from "./PrincipalMark";
import { concerns, inside, isInside, sourceWords, type Place } from "./words";

type WhoCanProps = { resource: Resource; place: Place; onAsk: (principal: string) => void };

const MANAGE = "dms:access:Manage";

/** What is asked about: of actions on documents in a folder, those documents. */
const aboutOf = (action: AccessAction, { kind }: Resource, place: Place): string =>
  kind === "folder" && isOfDocuments(action) && action !== MANAGE
    ? inside(place.resource)
    : place.resource;

function choicesOf(t: TFunction, resource: Resource, place: Place) {
  const here = ACTIONS.filter((action) => {
    const about = aboutOf(action, resource, place);
    const isKind = resource.kind === "folder" || isOfDocuments(action);
    return isKind && action !== "dms:cabinet:Create" && concerns(action, about, place);
  });
  return here.map((action) => ({
    value: action,
    label: isInside(aboutOf(action, resource, place))
      ? actionName(t, action)
      : actionHere(t, action),
  }));
}

export function WhoCan({ resource, place, onAsk }: WhoCanProps) {
  const { t } = useTranslation();
  const [chosen, setChosen] = useState<AccessAction>(
    resource.kind === "document" ? "dms:document:Read" : "dms:folder:List",
  );
  const choices = choicesOf(t, resource, place);
  const found = useQuery(whoCanQuery(chosen, aboutOf(chosen, resource, place)));
  return (
    <Stack gap="sm">
      <Select
        label={t("access.whoMay")}
        allowDeselect={false}
        data={choices}
        value={chosen}
        onChange={(value) => setChosen(choices.find((one) => one.value === value)?.value ?? chosen)}
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
