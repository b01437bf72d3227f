/** Why somebody may or may not do something: sentences to read out, and where what decided stands. */
import { Skeleton, Text } from "@mantine/core";
import { IconChevronRight } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { explainQuery } from "@/api/queries";
import type { AccessAction, Explained, Principal, Rule } from "@/api/types";
import { useMe } from "@/app/useMe";
import { ErrorState } from "@/components/States";
import classes from "./Access.module.css";
import {
  answerWords,
  principalWords,
  readResource,
  ruleWords,
  testsAddress,
  type Place,
} from "./words";

type ExplanationProps = {
  who: Principal;
  action: AccessAction;
  /** The place, or the documents in it. */
  about: string;
  place: Place;
};

export function Explanation({ who, action, about, place }: ExplanationProps) {
  const { t } = useTranslation();
  const { user } = useMe();
  const found = useQuery(explainQuery(who.principal, action, about));
  if (found.isError) return <ErrorState error={found.error} />;
  if (found.isPending) return <Skeleton height={48} my="xs" />;
  const { allowed, decided_by, matched, unmet, through } = found.data;
  const others = matched.filter((rule) => rule !== decided_by && !isSame(rule, decided_by));
  const allows = others.filter(({ effect }) => effect === "allow");
  const denies = others.filter(({ effect }) => effect === "deny");
  const tell = { who, place, through };
  return (
    <div className={classes.explanation}>
      <Text size="sm" fw={600}>
        {answerWords(t, who, action, about, place, allowed)}
      </Text>
      {decided_by === null ? (
        <Text size="sm">{t("access.nothingSays", { who: principalWords(t, who) })}</Text>
      ) : (
        <RuleText rule={decided_by} {...tell} marked />
      )}
      <Rules title={t("access.alsoDenied")} rules={denies} {...tell} />
      <Rules
        title={t(allowed ? "access.alsoAllowed" : "access.overruled")}
        rules={allows}
        {...tell}
      />
      <Rules title={t("access.unmet")} rules={unmet} {...tell} />
      {unmet.some(testsAddress) && who.principal !== `user:${user.id}` && (
        <Text size="sm" mt={6}>
          {t("access.addressUnknown", { who: principalWords(t, who) })}
        </Text>
      )}
    </div>
  );
}

const isSame = (one: Rule, other: Rule | null): boolean =>
  JSON.stringify(one) === JSON.stringify(other);

type Tell = { who: Principal; place: Place; through: Explained["through"] };

function Rules({ title, rules, ...tell }: Tell & { title: string; rules: Rule[] }) {
  if (rules.length === 0) return null;
  return (
    <>
      <Text size="xs" fw={600} mt={8}>
        {title}
      </Text>
      <ul className={classes.reasons}>
        {rules.map((rule, index) => (
          <li key={index}>
            <RuleText rule={rule} {...tell} />
          </li>
        ))}
      </ul>
    </>
  );
}

type RuleTextProps = Tell & { rule: Rule; marked?: boolean };

function RuleText({ rule, marked = false, ...subject }: RuleTextProps) {
  const { t } = useTranslation();
  const { isAdministrator } = useMe();
  const { place } = subject;
  const at = readResource(rule.resource);
  const elsewhere = at !== null && !rule.resource.startsWith(place.resource) ? at : null;
  const policyId = isAdministrator ? rule.policy_id : null;
  return (
    <>
      <Text size="sm" className={classes.wrap}>
        {ruleWords(t, rule, subject).join(" ")}
      </Text>
      {marked && <Path place={place} rule={rule} />}
      {(elsewhere !== null || policyId !== null) && (
        <div className={classes.links}>
          {elsewhere && (
            <Link to="/access/$kind/$id" params={elsewhere}>
              {t("access.lookAt", { name: rule.stands_on ?? rule.resource })}
            </Link>
          )}
          {policyId !== null && (
            <Link to="/policies/$policyId" params={{ policyId }}>
              {t("access.lookAtPolicy", { name: rule.policy_name ?? "" })}
            </Link>
          )}
        </div>
      )}
    </>
  );
}

/** The way from the cabinet down, with a mark on what the rule stands on. */
function Path({ place, rule }: { place: Place; rule: Rule }) {
  const { t } = useTranslation();
  const at = readResource(rule.resource);
  if (at === null || place.ancestors.length === 0) return null;
  const steps = [
    ...place.ancestors.map(({ id, name }) => ({ resource: `dms:folder:${id}`, name })),
    { resource: place.resource, name: place.name },
  ];
  const standing = `dms:${at.kind}:${at.id}`;
  return (
    <ol className={classes.path} aria-label={t("access.whereItStands")}>
      {steps.map(({ resource, name }, index) => (
        <li key={resource} aria-current={resource === standing ? "location" : undefined}>
          {index > 0 && <IconChevronRight size={12} aria-hidden />}
          <span>{name}</span>
        </li>
      ))}
    </ol>
  );
}
