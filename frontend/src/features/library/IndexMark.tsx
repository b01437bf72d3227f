/** A small mark beside a document whose text is not (yet) searchable, with the reason. */
import { Loader, Tooltip } from "@mantine/core";
import { IconAlertTriangle, IconLock, IconShieldOff } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import type { Version } from "@/api/types";

export function IndexMark({ version }: { version: Version }) {
  const { t } = useTranslation();
  const { index_status: status, scan_status: scan } = version;
  const label = t(`index.${status}`);
  return (
    <>
      {(status === "pending" || status === "extracting") && (
        <Tooltip label={label}>
          <Loader size={12} color="gray" role="img" aria-label={label} />
        </Tooltip>
      )}
      {status === "encrypted" && (
        <Tooltip label={label}>
          <IconLock size={14} role="img" aria-label={label} color="var(--mantine-color-dimmed)" />
        </Tooltip>
      )}
      {(status === "damaged" || status === "failed") && (
        <Tooltip label={label}>
          <IconAlertTriangle
            size={14}
            role="img"
            aria-label={label}
            color="var(--mantine-color-orange-7)"
          />
        </Tooltip>
      )}
      {scan === "unscanned" && (
        <Tooltip label={t("scan.unscanned")}>
          <IconShieldOff
            size={14}
            role="img"
            aria-label={t("scan.unscanned")}
            color="var(--mantine-color-dimmed)"
          />
        </Tooltip>
      )}
    </>
  );
}
