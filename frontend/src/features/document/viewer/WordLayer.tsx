/** The words of a page over its picture: marked where the search finds them, and there to be selected. */
import { useQuery } from "@tanstack/react-query";
import { useLayoutEffect, useMemo, useRef } from "react";
import type { PageWords } from "@/api/calls";
import { pageWordsQuery } from "@/api/queries";
import classes from "./PageViewer.module.css";

type WordLayerProps = {
  documentId: number;
  version: number;
  page: number;
  query: string;
  height: number;
  /** The hit that is looked at, by its place among those of the page. */
  current: number | null;
};

const percent = (share: number): string => `${share * 100}%`;

export function WordLayer({ documentId, version, page, query, height, current }: WordLayerProps) {
  const { data } = useQuery(pageWordsQuery(documentId, version, page, query));
  return data ? <Words words={data} height={height} current={current} /> : null;
}

function Words({
  words,
  height,
  current,
}: {
  words: PageWords;
  height: number;
  current: number | null;
}) {
  const hitOf = useMemo(() => {
    const found = new Map<number, number>();
    words.hits.forEach((places, hit) => places.forEach((place) => found.set(place, hit)));
    return found;
  }, [words]);
  const shown = useRef<HTMLSpanElement>(null);
  useLayoutEffect(() => {
    if (current !== null) shown.current?.scrollIntoView({ block: "center", inline: "nearest" });
  }, [current]);
  const first = current === null ? undefined : words.hits[current]?.[0];
  return (
    <div className={classes.words}>
      {words.words.map((word, index) => {
        const [left, top, right, bottom] = word.box as [number, number, number, number];
        const hit = hitOf.get(index);
        return (
          <span
            key={index}
            ref={index === first ? shown : undefined}
            className={classes.word}
            data-hit={hit === undefined ? undefined : hit === current ? "current" : "other"}
            style={{
              left: percent(left),
              top: percent(top),
              width: percent(right - left),
              height: percent(bottom - top),
              fontSize: Math.max(1, (bottom - top) * height * 0.8),
            }}
          >
            {word.text}
            {word.is_divided ? "" : " "}
          </span>
        );
      })}
    </div>
  );
}
