/** Whom a policy holds for: attached and detached after a look at what that gives and takes. */
import { ActionIcon, Button, Stack, Text, Tooltip } from "@mantine/core";
import { IconUserMinus } from "@tabler/icons-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { attachPolicy, detachPolicy } from "@/api/calls";
import type { Policy, Principal } from "@/api/types";
import { notifyDone } from "@/components/notify";
import { PrincipalMark } from "@/features/access/PrincipalMark";
import { PrincipalSelect } from "@/features/access/PrincipalSelect";
import { isGroup } from "@/features/access/words";
import { openChange } from "./change";
import classes from "./Policies.module.css";

const READ = "dms:document:Read";

export function Attachments({ policy }: { policy: Policy }) {
  const { t } = useTranslation();
  const [chosen, setChosen] = useState<Principal | null>(null);
  const { attached_to: attached, document } = policy;
  const same = { policy_id: policy.id, document, action: READ };
  const attach = (whom: Principal) =>
    openChange({
      title: t("policies.attachTitle", { name: whom.name }),
      change: { ...same, principals: [whom.principal] },
      confirm: t("policies.attach"),
      onConfirm: (reason) => attachPolicy(policy.id, whom.principal, reason),
      onDone: () => {
        setChosen(null);
        notifyDone(t("policies.attached", { name: whom.name }));
      },
    });
  const detach = (whom: Principal) =>
    openChange({
      title: t("policies.detachTitle", { name: whom.name }),
      change: { ...same, detached: [whom.principal] },
      confirm: t("policies.detach"),
      color: "red",
      onConfirm: () => detachPolicy(policy.id, whom.principal),
      onDone: () => notifyDone(t("policies.detached", { name: whom.name })),
    });
  return (
    <Stack gap="sm">
      <Text size="sm" c="dimmed">
        {t("policies.attachedText")}
      </Text>
      <div className={classes.attach}>
        <PrincipalSelect
          label={t("access.person")}
          value={chosen}
          without={new Set(attached.map(({ principal }) => principal))}
          onChange={setChosen}
        />
        <Button disabled={chosen === null} onClick={() => chosen !== null && attach(chosen)}>
          {t("policies.attachEllipsis")}
        </Button>
      </div>
      {attached.length === 0 && (
        <Text size="sm" c="dimmed" ta="center" py="sm">
          {t("policies.forNobody")}
        </Text>
      )}
      <ul className={classes.plain} aria-label={t("policies.tab.attached")}>
        {attached.map((one) => (
          <li key={one.principal} className={classes.attachment}>
            <PrincipalMark principal={one} />
            <div className={classes.text}>
              <Text size="sm" truncate>
                {one.name}
              </Text>
              <Text size="xs" c="dimmed" truncate>
                {isGroup(one) ? t("access.group") : one.email}
              </Text>
            </div>
            <Tooltip label={t("policies.detachOf", { name: one.name })}>
              <ActionIcon
                variant="subtle"
                color="red"
                aria-label={t("policies.detachOf", { name: one.name })}
                onClick={() => detach(one)}
              >
                <IconUserMinus size={16} />
              </ActionIcon>
            </Tooltip>
          </li>
        ))}
      </ul>
    </Stack>
  );
}
