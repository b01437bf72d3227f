/** Who was given or denied what, here and above; those who manage it give and take away. */
import { ActionIcon, Badge, Select, Skeleton, Stack, Text, Title, Tooltip } from "@mantine/core";
import { IconUserMinus } from "@tabler/icons-react";
import { useMutation, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { giveGrant, revokeGrant } from "@/api/calls";
import { accessChanged, grantsQuery } from "@/api/queries";
import type { Grant, GrantRole, Resource } from "@/api/types";
import { actionName } from "@/components/actions";
import { notifyError } from "@/components/notify";
import { ErrorState } from "@/components/States";
import { When } from "@/components/When";
import classes from "./Access.module.css";
import { GrantForm } from "./GrantForm";
import { PrincipalMark } from "./PrincipalMark";
import { withReason, Withdrawn } from "./reason";
import { asRole, ROLES } from "./roles";
import { byPlace, readResource, type GrantsOfPlace, type Place } from "./words";

type GrantsProps = { resource: Resource; place: Place; onAsk: (principal: string) => void };

const unlessWithdrawn = (error: unknown): void => {
  if (!(error instanceof Withdrawn)) notifyError(error);
};

export function Grants({ resource, place, onAsk }: GrantsProps) {
  const { t } = useTranslation();
  const grants = useQuery(grantsQuery(resource));
  if (grants.isError) return <ErrorState error={grants.error} />;
  return (
    <Stack gap="lg">
      <GrantForm resource={resource} />
      {grants.isPending && <Skeleton height={36} />}
      {grants.isSuccess && (
        <>
          <Text size="xs" c="dimmed">
            {t("access.denyWins")}
          </Text>
          {byPlace(grants.data, place).map((one) => (
            <PlaceGrants key={one.resource} of={one} resource={resource} onAsk={onAsk} />
          ))}
        </>
      )}
    </Stack>
  );
}

type PlaceGrantsProps = {
  of: GrantsOfPlace;
  resource: Resource;
  onAsk: (principal: string) => void;
};

function PlaceGrants({ of, resource, onAsk }: PlaceGrantsProps) {
  const { t } = useTranslation();
  const above = of.inherited ? readResource(of.resource) : null;
  const heading = of.inherited
    ? t("access.inheritedFrom", { name: of.name })
    : t(`access.givenHere.${resource.kind}`);
  return (
    <section aria-label={heading}>
      <Title order={3} className={classes.heading}>
        {heading}
        {above && (
          <Link
            className={classes.more ?? ""}
            to="/access/$kind/$id"
            params={{ kind: above.kind, id: above.id }}
          >
            {t("access.lookAt", { name: of.name })}
          </Link>
        )}
      </Title>
      {of.grants.length === 0 && (
        <Text size="sm" c="dimmed">
          {t("access.noneHere")}
        </Text>
      )}
      <ul className={classes.list}>
        {of.grants.map((grant) => (
          <li key={grant.id} className={classes.row}>
            <GrantRow grant={grant} resource={resource} onAsk={onAsk} />
          </li>
        ))}
      </ul>
    </section>
  );
}

type GrantRowProps = { grant: Grant; resource: Resource; onAsk: (principal: string) => void };

function GrantRow({ grant, resource, onAsk }: GrantRowProps) {
  const { t } = useTranslation();
  const { name, email, principal } = grant.principal;
  const isDeny = grant.effect === "deny";
  const revoke = useMutation({
    mutationFn: () => withReason((reason) => revokeGrant(resource, grant.id, reason)),
    onError: unlessWithdrawn,
    onSettled: accessChanged,
  });
  const remove = t(isDeny ? "access.liftOf" : "access.takeBackFrom", { name });
  return (
    <>
      <PrincipalMark principal={grant.principal} />
      <div className={classes.text}>
        <button type="button" className={classes.name} onClick={() => onAsk(principal)}>
          {name}
        </button>
        <Text size="xs" c="dimmed" className={classes.wrap}>
          {email ?? t("access.group")}
        </Text>
        <Text size="xs" c="dimmed" className={classes.wrap}>
          {t(isDeny ? "access.deniedBy" : "access.givenBy", { name: grant.created_by })},{" "}
          <When at={grant.created_at} />
        </Text>
        {grant.role === null && (
          <Text size="xs" className={classes.wrap}>
            {grant.actions.map((action) => actionName(t, action)).join(", ")}
          </Text>
        )}
        {grant.reason !== null && (
          <Text size="xs" className={classes.wrap}>
            {t("access.reasonGiven", { reason: grant.reason })}
          </Text>
        )}
      </div>
      <GrantMark grant={grant} resource={resource} />
      {!grant.inherited && (
        <Tooltip label={remove}>
          <ActionIcon
            variant="subtle"
            color="red"
            aria-label={remove}
            loading={revoke.isPending}
            onClick={() => revoke.mutate()}
          >
            <IconUserMinus size={16} />
          </ActionIcon>
        </Tooltip>
      )}
    </>
  );
}

/** What a grant gives; the role of one's own place can be changed where it stands. */
function GrantMark({ grant, resource }: { grant: Grant; resource: Resource }) {
  const { t } = useTranslation();
  const change = useMutation({
    mutationFn: (role: GrantRole) =>
      withReason((reason) =>
        giveGrant(resource, {
          principal: grant.principal.principal,
          effect: "allow",
          role,
          ...(reason !== undefined && { reason }),
        }),
      ),
    onError: unlessWithdrawn,
    onSettled: accessChanged,
  });
  const what = grant.role === null ? t("access.singleActions") : t(`access.role.${grant.role}`);
  if (grant.effect === "deny") {
    return (
      <Badge color="red" variant="light" className={classes.mark ?? ""}>
        {t("access.denied", { what })}
      </Badge>
    );
  }
  if (grant.inherited || grant.role === null) {
    return (
      <Badge color="gray" variant="light" className={classes.mark ?? ""}>
        {what}
      </Badge>
    );
  }
  return (
    <Select
      aria-label={t("access.roleOf", { name: grant.principal.name })}
      size="xs"
      w={124}
      allowDeselect={false}
      data={ROLES.map((role) => ({ value: role, label: t(`access.role.${role}`) }))}
      value={grant.role}
      onChange={(value) => change.mutate(asRole(value))}
    />
  );
}
