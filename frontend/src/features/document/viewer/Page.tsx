/** One page in its place: paper at once, then its picture. */
import { Text } from "@mantine/core";
import { useCallback, useState } from "react";
import { useTranslation } from "react-i18next";
import type { PictureSize } from "@/api/types";
import { useExplain } from "@/components/useExplain";
import type { Turn } from "./layout";
import classes from "./PageViewer.module.css";
import { Picture } from "./Picture";
import { WordLayer } from "./WordLayer";

type PageProps = {
  documentId: number;
  version: number;
  number: number;
  box: { width: number; height: number };
  top: number;
  turn: Turn;
  size: PictureSize;
  query: string;
  /** The hit that is looked at, where it is on this page. */
  hit: number | null;
};

export function Page(props: PageProps) {
  const { documentId, version, number, box, top, turn, size, query, hit } = props;
  const { t } = useTranslation();
  const explain = useExplain();
  const [error, setError] = useState<unknown>(null);
  const onError = useCallback((reason: unknown) => setError(reason), []);
  const lying = turn % 180 !== 0;
  const upright = lying ? { width: box.height, height: box.width } : box;
  const name = t("viewer.page", { number });
  const picture = { documentId, version, page: number, className: classes.picture };
  return (
    <div
      className={classes.place}
      style={{ transform: `translateY(${top}px)`, height: box.height }}
    >
      <div
        className={classes.page}
        style={{ width: box.width, height: box.height }}
        data-page={number}
      >
        <div
          className={classes.sheet}
          style={{
            ...upright,
            transform: `translate(-50%, -50%) rotate(${turn}deg)`,
          }}
        >
          {error === null ? (
            <>
              {size === "large" && <Picture {...picture} size="medium" alt="" />}
              <Picture {...picture} key={size} size={size} alt={name} onError={onError} />
              <WordLayer
                documentId={documentId}
                version={version}
                page={number}
                query={query}
                height={upright.height}
                current={hit}
              />
            </>
          ) : (
            <Text size="sm" c="dark.3" className={classes.failed}>
              {explain(error).advice}
            </Text>
          )}
        </div>
      </div>
    </div>
  );
}
