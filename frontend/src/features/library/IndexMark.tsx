/** A small mark beside a document whose text is not (yet) searchable, with the reason. */
import { Loader, Tooltip } from "@mantine/core";
import { IconAlertTriangle, IconLock, IconShieldOff, IconVirus } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { systemQuery } from "@/api/queries";
import type { Version } from "@/api/types";

export function IndexMark({ version }: { version: Version }) {
  const { t } = useTranslation();
  const { index_status: status, scan_status: scan } = version;
  const label = t(`index.${status}`);
  // Where nothing is ever scanned, a mark on every row says less than the banner above.
  const { data: scanning } = useQuery({
    ...systemQuery,
    select: (system) => system.scan.state === "scanning",
  });
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
      {scan === "quarantined" && (
        <Tooltip label={t("scan.quarantined")}>
          <IconVirus
            size={14}
            role="img"
            aria-label={t("scan.quarantined")}
            color="var(--mantine-color-red-7)"
          />
        </Tooltip>
      )}
      {scan === "unscanned" && scanning && (
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
