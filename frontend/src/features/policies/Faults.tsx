/** What is wrong with a policy, line by line; each leads to its place. */
import { Alert, Text } from "@mantine/core";
import { IconAlertCircle } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import classes from "./Policies.module.css";
import type { Checked } from "./useCheck";

type FaultsProps = { checked: Checked; onShow: (offset: number) => void };

export function Faults({ checked, onShow }: FaultsProps) {
  const { t } = useTranslation();
  const { faults } = checked;
  return (
    <div aria-live="polite">
      {faults.length === 0 ? (
        <Text size="xs" c="dimmed">
          {checked.isValid ? t("policies.valid") : t("policies.checking")}
        </Text>
      ) : (
        <Alert
          color="red"
          icon={<IconAlertCircle size={18} />}
          title={t("policies.faults", { count: faults.length })}
        >
          <ul className={classes.faults}>
            {faults.map((fault) => (
              <li key={`${fault.from} ${fault.detail}`}>
                <button type="button" onClick={() => onShow(fault.from)}>
                  {t("policies.line", { line: fault.line })}
                </button>{" "}
                {fault.detail}
              </li>
            ))}
          </ul>
        </Alert>
      )}
    </div>
  );
}
