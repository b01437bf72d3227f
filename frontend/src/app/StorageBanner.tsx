/** Tells administrators, wherever they are, that stored content is damaged. */
import { Alert } from "@mantine/core";
import { IconAlertTriangle } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { storageQuery } from "@/api/queries";
import { damaged } from "@/api/storage";
import { useMe } from "./useMe";

export function StorageBanner() {
  const { t } = useTranslation();
  const { isAdministrator } = useMe();
  const { data } = useQuery({ ...storageQuery, enabled: isAdministrator });
  const count = data ? damaged(data) : 0;
  if (!isAdministrator || count === 0) return null;
  return (
    <Alert color="red" icon={<IconAlertTriangle size={18} />} radius={0} py={6}>
      {t("storage.banner", { count })} <Link to="/storage">{t("storage.show")}</Link>
    </Alert>
  );
}
