/** Of whom the organisation asks for a second factor, and how many have one; and by whom one may sign in. */
import { Group, Progress, Radio, Stack, Text } from "@mantine/core";
import { modals } from "@mantine/modals";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { setSignInPolicy } from "@/api/calls";
import { providersQuery, queryClient, signInPolicyQuery } from "@/api/queries";
import type { RequiredOf, SignInPolicy } from "@/api/types";
import { notifyDone, notifyError } from "@/components/notify";
import { ErrorState, RowSkeletons } from "@/components/States";
import { Section } from "@/features/security/Section";
import security from "@/features/security/Security.module.css";

const CHOICES: readonly RequiredOf[] = ["nobody", "administrators", "everybody"];

export function SignInPolicyView() {
  const { t } = useTranslation();
  const policy = useQuery(signInPolicyQuery);
  const providers = useQuery(providersQuery);
  if (policy.isPending) return <RowSkeletons count={3} />;
  if (policy.isError) {
    return <ErrorState error={policy.error} onRetry={() => void policy.refetch()} />;
  }
  return (
    <div className={security.page}>
      <Stack className={security.sections ?? ""} gap="md">
        <Section title={t("signIn.secondFactor")} text={t("signIn.secondFactorText")}>
          <Choice policy={policy.data} />
          <Coverage policy={policy.data} />
        </Section>
        <Section title={t("signIn.providers")} text={t("signIn.providersText")}>
          {providers.data?.length === 0 && (
            <Text size="sm" mt="xs">
              {t("signIn.noProviders")}
            </Text>
          )}
          {providers.data !== undefined && providers.data.length > 0 && (
            <ul className={security.list}>
              {providers.data.map(({ id, name }) => (
                <li key={id} className={security.row}>
                  <Text size="sm">{name}</Text>
                </li>
              ))}
            </ul>
          )}
        </Section>
      </Stack>
    </div>
  );
}

/** How many would have to set a second factor up, were it asked of these. */
function missing(policy: SignInPolicy, asked: RequiredOf): number {
  return asked === "nobody" ? 0 : policy[asked].without;
}

function Choice({ policy }: { policy: SignInPolicy }) {
  const { t } = useTranslation();
  const save = useMutation({
    mutationFn: setSignInPolicy,
    onSuccess: () => notifyDone(t("signIn.saved")),
    onError: notifyError,
    onSettled: () => queryClient.invalidateQueries({ queryKey: signInPolicyQuery.queryKey }),
  });
  const choose = (value: string) => {
    const asked = CHOICES.find((one) => one === value);
    if (asked === undefined || asked === policy.second_factor) return;
    const count = missing(policy, asked);
    if (count <= missing(policy, policy.second_factor)) {
      save.mutate(asked);
      return;
    }
    modals.openConfirmModal({
      title: t(`signIn.required.${asked}`),
      children: <Text size="sm">{t("signIn.concerned", { count })}</Text>,
      labels: { confirm: t("signIn.require"), cancel: t("common.cancel") },
      onConfirm: () => save.mutate(asked),
    });
  };
  return (
    <Radio.Group
      mt="sm"
      aria-label={t("signIn.secondFactor")}
      value={policy.second_factor}
      onChange={choose}
    >
      <Stack gap="xs">
        {CHOICES.map((value) => (
          <Radio
            key={value}
            value={value}
            disabled={save.isPending}
            label={t(`signIn.required.${value}`)}
            description={t(`signIn.requiredText.${value}`)}
          />
        ))}
      </Stack>
    </Radio.Group>
  );
}

function Coverage({ policy }: { policy: SignInPolicy }) {
  const { t } = useTranslation();
  return (
    <Stack gap={6} mt="md">
      {(["administrators", "everybody"] as const).map((whom) => {
        const { people, without } = policy[whom];
        const have = people - without;
        const label = t(`signIn.coverage.${whom}`, { have, people });
        return (
          <div key={whom}>
            <Group justify="space-between" gap="xs">
              <Text size="xs" c="dimmed">
                {label}
              </Text>
            </Group>
            <Progress
              size="sm"
              value={people === 0 ? 0 : (100 * have) / people}
              aria-label={label}
            />
          </div>
        );
      })}
    </Stack>
  );
}
