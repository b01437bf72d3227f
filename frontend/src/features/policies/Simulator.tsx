/** Tries a policy as it is being written: for those it is attached to, and for others it might be. */
import { ActionIcon, Button, Group, Pill, Select, Stack, Text } from "@mantine/core";
import { IconPlayerPlay, IconX } from "@tabler/icons-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Principal, SimulatedChange } from "@/api/types";
import { ACTIONS, actionName, isOfDocuments } from "@/components/actions";
import { PrincipalSelect } from "@/features/access/PrincipalSelect";
import { Simulated } from "@/features/access/Simulated";
import classes from "./Policies.module.css";
import { read } from "./useCheck";

type SimulatorProps = {
  policyId?: number;
  attached: Principal[];
  text: string;
  isValid: boolean;
};

const TRIED = ACTIONS.filter((one) => isOfDocuments(one) && one !== "dms:access:Manage");

type Try = { change: SimulatedChange; text: string };

export function Simulator({ policyId, attached, text, isValid }: SimulatorProps) {
  const { t } = useTranslation();
  const [others, setOthers] = useState<Principal[]>([]);
  const [action, setAction] = useState<string>("dms:document:Read");
  const [tried, setTried] = useState<Try | null>(null);
  const taken = new Set([...attached, ...others].map(({ principal }) => principal));
  const found = read(t, text);
  const run = () => {
    if ("fault" in found) return;
    const principals = others.map(({ principal }) => principal);
    const { document } = found;
    setTried({
      text,
      change: {
        document,
        action,
        principals,
        ...(policyId !== undefined && { policy_id: policyId }),
      },
    });
  };
  return (
    <Stack gap="sm">
      <Text size="sm" c="dimmed">
        {t("policies.simulatorText")}
      </Text>
      {attached.length > 0 && (
        <Text size="sm">
          {t("policies.triedFor", { names: attached.map(({ name }) => name).join(", ") })}
        </Text>
      )}
      <PrincipalSelect
        label={t(attached.length > 0 ? "policies.tryAlsoFor" : "policies.tryFor")}
        value={null}
        without={taken}
        onChange={(one) => one !== null && setOthers([...others, one])}
      />
      {others.length > 0 && (
        <Group gap={6}>
          {others.map((one) => (
            <Pill key={one.principal} size="md" className={classes.pill ?? ""}>
              {one.name}
              <ActionIcon
                size={16}
                variant="transparent"
                color="gray"
                aria-label={t("people.groups.removeOf", { name: one.name })}
                onClick={() => setOthers(others.filter((other) => other !== one))}
              >
                <IconX size={12} />
              </ActionIcon>
            </Pill>
          ))}
        </Group>
      )}
      <Group gap="xs" align="flex-end">
        <Select
          label={t("policies.triedAction")}
          style={{ flex: 1, minWidth: 150 }}
          allowDeselect={false}
          data={TRIED.map((one) => ({ value: one, label: actionName(t, one) }))}
          value={action}
          onChange={(value) => value !== null && setAction(value)}
        />
        <Button
          leftSection={<IconPlayerPlay size={15} />}
          disabled={!isValid || taken.size === 0}
          onClick={run}
        >
          {t("policies.try")}
        </Button>
      </Group>
      {tried !== null && (
        <>
          {tried.text !== text && (
            <Text size="sm" c="dimmed" role="status">
              {t("policies.triedBefore")}
            </Text>
          )}
          <Simulated change={tried.change} />
        </>
      )}
    </Stack>
  );
}
