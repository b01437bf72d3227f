/** The layers of a document's text: who read or corrected what, and a way back. */
import { ActionIcon, Badge, Group, Skeleton, Text, Tooltip } from "@mantine/core";
import { IconEye, IconHistory } from "@tabler/icons-react";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { restoreTextLayer } from "@/api/calls";
import { keys, queryClient, textLayersQuery, textQuery } from "@/api/queries";
import type { TextLayer } from "@/api/types";
import { notifyDone, notifyError } from "@/components/notify";
import { ErrorState } from "@/components/States";
import { When } from "@/components/When";
import classes from "./DocumentPage.module.css";

const NAMED_PAGES = 12;

type TextLayersProps = {
  documentId: number;
  version: number;
  etag: string;
  writable: boolean;
  onLook: (layer: number) => void;
};

export function TextLayers({ documentId, version, etag, writable, onLook }: TextLayersProps) {
  const { t } = useTranslation();
  const layers = useQuery(textLayersQuery(documentId, version));
  const restore = useMutation({
    mutationFn: (number: number) => restoreTextLayer(documentId, number, etag),
    onSuccess: (text, number) => {
      queryClient.setQueryData(textQuery(documentId, version).queryKey, text);
      notifyDone(t("texts.restored", { number }));
    },
    onError: notifyError,
    onSettled: () => queryClient.invalidateQueries({ queryKey: keys.document(documentId) }),
  });
  if (layers.isError) return <ErrorState error={layers.error} />;
  if (layers.isPending) return <Skeleton height={44} />;
  if (layers.data.length === 0) {
    return (
      <Text size="sm" c="dimmed">
        {t("texts.noLayers")}
      </Text>
    );
  }
  return (
    <ul className={classes.timeline}>
      {layers.data.map((layer, place) => {
        const { number } = layer;
        return (
          <li key={number} className={classes.version}>
            <LayerFacts layer={layer} isNewest={place === 0} />
            {place > 0 && (
              <Group gap={2} wrap="nowrap" align="flex-start">
                <Tooltip label={t("texts.lookAt", { number })}>
                  <ActionIcon
                    variant="subtle"
                    color="gray"
                    aria-label={t("texts.lookAt", { number })}
                    onClick={() => onLook(number)}
                  >
                    <IconEye size={16} />
                  </ActionIcon>
                </Tooltip>
                {writable && (
                  <Tooltip label={t("texts.restore")}>
                    <ActionIcon
                      variant="subtle"
                      color="gray"
                      aria-label={t("texts.restoreOf", { number })}
                      loading={restore.isPending && restore.variables === number}
                      onClick={() => restore.mutate(number)}
                    >
                      <IconHistory size={16} />
                    </ActionIcon>
                  </Tooltip>
                )}
              </Group>
            )}
          </li>
        );
      })}
    </ul>
  );
}

function LayerFacts({ layer, isNewest }: { layer: TextLayer; isNewest: boolean }) {
  const { t } = useTranslation();
  const named = layer.pages.slice(0, NAMED_PAGES).join(", ");
  const pages = layer.pages.length > NAMED_PAGES ? `${named}…` : named;
  const how = [
    ...layer.engines,
    ...layer.languages,
    ...(layer.confidence === null
      ? []
      : [t("texts.confidence", { percent: Math.round(layer.confidence * 100) })]),
  ];
  return (
    <div style={{ flex: 1, minWidth: 0 }}>
      <Group gap={6}>
        <Text size="sm" fw={600}>
          {t("texts.layer", { number: layer.number })}
        </Text>
        <Text size="sm">{t(`texts.kind.${layer.kind}`)}</Text>
        {isNewest && <Badge size="xs">{t("texts.newest")}</Badge>}
      </Group>
      <Text size="xs" c="dimmed">
        <When at={layer.created_at} />
        {layer.created_by && ` · ${layer.created_by.name}`}
        {how.length > 0 && ` · ${how.join(", ")}`}
      </Text>
      <Text size="xs" c="dimmed">
        {t("texts.ofPages", { count: layer.pages.length, pages })}
      </Text>
      {layer.comment && (
        <Text size="sm" mt={2}>
          {layer.comment}
        </Text>
      )}
    </div>
  );
}
