/** The versions of a document: look at one, save it, bring it back as the newest. */
import { ActionIcon, Badge, Group, Skeleton, Stack, Text, Tooltip } from "@mantine/core";
import { IconDownload, IconEye, IconHistory } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { restoreVersion } from "@/api/calls";
import { folderChanged, keys, queryClient, versionsQuery } from "@/api/queries";
import type { Document } from "@/api/types";
import { formatSize } from "@/components/format";
import { notifyDone, notifyError } from "@/components/notify";
import { ErrorState } from "@/components/States";
import { When } from "@/components/When";
import { downloadDocument } from "@/features/library/operations";
import { i18next } from "@/i18n";
import classes from "./DocumentPage.module.css";

const route = getRouteApi("/app/documents/$documentId");

/** Makes an old content the newest version; nothing is overwritten. */
export async function restoreVersionOf(document: Document, number: number): Promise<void> {
  try {
    const restored = await restoreVersion(document.id, number);
    queryClient.setQueryData(keys.document(document.id), restored);
    void queryClient.invalidateQueries({ queryKey: versionsQuery(document.id).queryKey });
    folderChanged(restored.folder_id);
    notifyDone(i18next.t("versions.restored", { number, next: restored.current_version.number }));
  } catch (error) {
    notifyError(error);
  }
}

type VersionsTabProps = { document: Document; shown: number };

export function VersionsTab({ document, shown }: VersionsTabProps) {
  const { t } = useTranslation();
  const navigate = route.useNavigate();
  const versions = useQuery(versionsQuery(document.id));
  if (versions.isError) return <ErrorState error={versions.error} />;
  if (versions.isPending) {
    return (
      <Stack>
        <Skeleton height={44} />
        <Skeleton height={44} />
      </Stack>
    );
  }
  const current = document.current_version.number;
  const newestFirst = [...versions.data].sort((a, b) => b.number - a.number);
  return (
    <ul className={classes.timeline}>
      {newestFirst.map((version) => (
        <li
          key={version.id}
          className={classes.version}
          data-shown={version.number === shown || undefined}
        >
          <div style={{ flex: 1, minWidth: 0 }}>
            <Group gap={6}>
              <Text size="sm" fw={600}>
                {t("versions.number", { number: version.number })}
              </Text>
              {version.number === current && <Badge size="xs">{t("versions.current")}</Badge>}
            </Group>
            <Text size="xs" c="dimmed">
              <When at={version.created_at} />· {version.created_by.name} ·{" "}
              {formatSize(version.size)}
            </Text>
            {version.comment && (
              <Text size="sm" mt={2}>
                {version.comment}
              </Text>
            )}
          </div>
          <Group gap={2} wrap="nowrap" align="flex-start">
            {version.number !== shown && (
              <Tooltip label={t("versions.show")}>
                <ActionIcon
                  variant="subtle"
                  color="gray"
                  aria-label={t("versions.showOf", { number: version.number })}
                  onClick={() =>
                    void navigate({
                      search: (old) => ({
                        ...old,
                        version: version.number === current ? undefined : version.number,
                      }),
                    })
                  }
                >
                  <IconEye size={16} />
                </ActionIcon>
              </Tooltip>
            )}
            <Tooltip label={t("library.download")}>
              <ActionIcon
                variant="subtle"
                color="gray"
                aria-label={t("versions.downloadOf", { number: version.number })}
                onClick={() => void downloadDocument(document.id, version.number)}
              >
                <IconDownload size={16} />
              </ActionIcon>
            </Tooltip>
            {version.number !== current && document.permissions.includes("write") && (
              <Tooltip label={t("versions.restore")}>
                <ActionIcon
                  variant="subtle"
                  color="gray"
                  aria-label={t("versions.restoreOf", { number: version.number })}
                  onClick={() => void restoreVersionOf(document, version.number)}
                >
                  <IconHistory size={16} />
                </ActionIcon>
              </Tooltip>
            )}
          </Group>
        </li>
      ))}
    </ul>
  );
}
