/** Says plainly when nothing checks files for viruses. */
import { Alert } from "@mantine/core";
import { useSessionStorage } from "@mantine/hooks";
import { IconShieldOff } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { systemQuery } from "@/api/queries";

export function ScanBanner() {
  const { t } = useTranslation();
  const { data } = useQuery(systemQuery);
  const [dismissed, setDismissed] = useSessionStorage({ key: "scan-banner", defaultValue: "" });
  if (!data || data.scan.state === "scanning" || dismissed === data.scan.state) return null;
  const refused = data.scan.mode === "required";
  return (
    <Alert
      color={refused ? "red" : "yellow"}
      icon={<IconShieldOff size={18} />}
      radius={0}
      py={6}
      withCloseButton={!refused}
      closeButtonLabel={t("common.dismiss")}
      onClose={() => setDismissed(data.scan.state)}
      styles={{
        root: refused ? {} : { background: "var(--app-warning)" },
        message: { color: "var(--mantine-color-text)" },
      }}
    >
      {refused ? t("scan.refused") : t(`scan.${data.scan.state}`)}
    </Alert>
  );
}
