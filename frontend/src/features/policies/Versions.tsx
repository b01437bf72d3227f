/** What a policy said, who wrote it and when; each compared with another, and brought back. */
import { Badge, Button, Group, SegmentedControl, Skeleton, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { updatePolicy } from "@/api/calls";
import { policyVersionsQuery } from "@/api/queries";
import type { Policy, PolicyVersion } from "@/api/types";
import { notifyDone } from "@/components/notify";
import { ErrorState } from "@/components/States";
import { When } from "@/components/When";
import { openChange } from "./change";
import { diffLines } from "./diff";
import classes from "./Policies.module.css";
import { writePolicy } from "./policyText";

export function Versions({ policy }: { policy: Policy }) {
  const versions = useQuery(policyVersionsQuery(policy.id));
  if (versions.isError) return <ErrorState error={versions.error} />;
  if (versions.isPending) {
    return (
      <Stack>
        <Skeleton height={44} />
        <Skeleton height={44} />
      </Stack>
    );
  }
  const [newest] = versions.data;
  return (
    <ol className={classes.plain} reversed>
      {versions.data.map((version, index) => (
        <li key={version.number} className={classes.version}>
          <Version
            policy={policy}
            version={version}
            before={versions.data[index + 1] ?? null}
            newest={newest ?? version}
          />
        </li>
      ))}
    </ol>
  );
}

type VersionProps = {
  policy: Policy;
  version: PolicyVersion;
  before: PolicyVersion | null;
  newest: PolicyVersion;
};

type With = "before" | "newest";

function Version({ policy, version, before, newest }: VersionProps) {
  const { t } = useTranslation();
  const [opened, setOpened] = useState(false);
  const [against, setAgainst] = useState<With>("before");
  const isNewest = version.number === newest.number;
  const restore = () =>
    openChange({
      title: t("policies.restoreTitle", { number: version.number }),
      text: t("policies.restoreText", { number: newest.number + 1 }),
      change: {
        policy_id: policy.id,
        document: version.document,
        action: "dms:document:Read",
      },
      confirm: t("policies.restoreAs", { number: newest.number + 1 }),
      onConfirm: (reason) =>
        updatePolicy(policy.id, {
          document: version.document,
          version: policy.version,
          ...(reason !== undefined && { reason }),
        }),
      onDone: () => notifyDone(t("policies.saved", { number: newest.number + 1 })),
    });
  return (
    <>
      <Group gap="xs" wrap="nowrap" align="flex-start">
        <div className={classes.text}>
          <Group gap={6}>
            <Text size="sm" fw={600}>
              {t("versions.number", { number: version.number })}
            </Text>
            {isNewest && <Badge size="xs">{t("policies.inForce")}</Badge>}
          </Group>
          <Text size="xs" c="dimmed">
            {version.created_by}, <When at={version.created_at} />
          </Text>
        </div>
        <Button
          variant="subtle"
          size="compact-sm"
          aria-expanded={opened}
          aria-label={t("policies.compareOf", { number: version.number })}
          onClick={() => setOpened(!opened)}
        >
          {t("policies.compare")}
        </Button>
        {!isNewest && (
          <Button
            variant="default"
            size="compact-sm"
            aria-label={t("policies.restoreOf", { number: version.number })}
            onClick={restore}
          >
            {t("policies.restore")}
          </Button>
        )}
      </Group>
      {opened && (
        <Stack gap="xs" mt="xs">
          {!isNewest && before !== null && (
            <SegmentedControl
              size="xs"
              aria-label={t("policies.compareWith")}
              data={[
                { value: "before", label: t("policies.withBefore", { number: before.number }) },
                { value: "newest", label: t("policies.withNewest") },
              ]}
              value={against}
              onChange={(value) => setAgainst(value === "newest" ? "newest" : "before")}
            />
          )}
          {against === "newest" || (before === null && !isNewest) ? (
            <Diff from={version} to={newest} />
          ) : (
            <Diff from={before} to={version} />
          )}
        </Stack>
      )}
    </>
  );
}

type DiffProps = { from: PolicyVersion | null; to: PolicyVersion };

function Diff({ from, to }: DiffProps) {
  const { t } = useTranslation();
  const lines = diffLines(
    from === null ? "" : writePolicy(from.document),
    writePolicy(to.document),
  );
  const label =
    from === null
      ? t("policies.firstSaid")
      : t("policies.changes", { from: from.number, to: to.number });
  return (
    <figure className={classes.figure}>
      <figcaption>{label}</figcaption>
      {lines.length === 0 ? (
        <Text size="sm">{t("policies.noDifference")}</Text>
      ) : (
        <pre className={classes.diff} tabIndex={0} aria-label={label}>
          {lines.map(({ kind, text }, index) => (
            <DiffRow key={index} kind={kind} text={text} />
          ))}
        </pre>
      )}
    </figure>
  );
}

const SIGNS = { added: "+", removed: "−", same: " ", gap: "…" } as const;

function DiffRow({ kind, text }: { kind: keyof typeof SIGNS; text: string }) {
  const Line = kind === "added" ? "ins" : kind === "removed" ? "del" : "span";
  return (
    <Line className={classes.diffLine} data-kind={kind}>
      {`${SIGNS[kind]} ${text}\n`}
    </Line>
  );
}
