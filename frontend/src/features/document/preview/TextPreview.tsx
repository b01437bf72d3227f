/** Plain text as it is, its beginning when it is very long. */
import { Center, Loader } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { contentPath } from "@/api/calls";
import { apiFetchOk } from "@/api/http";
import { formatSize } from "@/components/format";
import { ErrorState } from "@/components/States";
import { MarkedText } from "@/features/search/MarkedText";
import { decodeText } from "./decodeText";
import type { PreviewProps } from "./Preview";
import classes from "./Preview.module.css";

const SHOWN_BYTES = 256 * 1024;

async function loadStart(id: number, number: number, size: number): Promise<string> {
  if (size === 0) return "";
  const headers = size > SHOWN_BYTES ? { Range: `bytes=0-${SHOWN_BYTES - 1}` } : undefined;
  const response = await apiFetchOk(contentPath(id, number), headers ? { headers } : {});
  return decodeText(new Uint8Array(await response.arrayBuffer()));
}

export function TextPreview({ document, version, query }: PreviewProps) {
  const { t } = useTranslation();
  const text = useQuery({
    queryKey: ["content-text", document.id, version.number],
    queryFn: () => loadStart(document.id, version.number, version.size),
    staleTime: Infinity,
  });
  if (text.isError) return <ErrorState error={text.error} onRetry={() => void text.refetch()} />;
  if (text.isPending) {
    return (
      <Center style={{ flex: 1 }}>
        <Loader size="sm" />
      </Center>
    );
  }
  return (
    <div className={classes.scroll} tabIndex={0} role="region" aria-label={t("preview.text")}>
      <div className={classes.sheet}>
        <pre className={classes.code}>
          <MarkedText text={text.data} query={query} />
        </pre>
        {version.size > SHOWN_BYTES && (
          <p className={classes.note}>
            {t("preview.start", { shown: formatSize(SHOWN_BYTES), size: formatSize(version.size) })}
          </p>
        )}
      </div>
    </div>
  );
}
