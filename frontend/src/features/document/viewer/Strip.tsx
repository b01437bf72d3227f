/** Thumbnails of the pages, to find one by its look. */
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useRef } from "react";
import { useTranslation } from "react-i18next";
import classes from "./PageViewer.module.css";
import type { ViewedPages } from "./PageViewer";
import { Picture } from "./Picture";

const WIDTH = 104;
const NUMBER = 26;
const TALLEST = 1.6;

type StripProps = ViewedPages & { page: number; onPage: (page: number) => void };

export function Strip({ documentId, version, pages, page, onPage }: StripProps) {
  const { t } = useTranslation();
  const scroller = useRef<HTMLDivElement>(null);
  const heightOf = (index: number) => {
    const sheet = pages[index];
    return sheet ? Math.min(TALLEST, sheet.height / Math.max(1, sheet.width)) * WIDTH : WIDTH;
  };
  const virtualizer = useVirtualizer({
    count: pages.length,
    getScrollElement: () => scroller.current,
    estimateSize: (index) => heightOf(index) + NUMBER,
    overscan: 3,
    paddingStart: 10,
  });
  useEffect(() => {
    virtualizer.scrollToIndex(page - 1, { align: "auto" });
  }, [virtualizer, page]);
  return (
    <nav ref={scroller} className={classes.strip} aria-label={t("viewer.thumbnails")}>
      <div style={{ height: virtualizer.getTotalSize(), position: "relative" }}>
        {virtualizer.getVirtualItems().map((row) => {
          const number = row.index + 1;
          return (
            <button
              key={row.key}
              type="button"
              className={classes.thumbnail}
              style={{ transform: `translateY(${row.start}px)`, height: row.size }}
              aria-label={t("viewer.goTo", { number })}
              aria-current={number === page ? "page" : undefined}
              onClick={() => onPage(number)}
            >
              <span
                className={classes.thumbnailSheet}
                style={{ width: WIDTH, height: heightOf(row.index) }}
              >
                <Picture
                  documentId={documentId}
                  version={version}
                  page={number}
                  size="thumbnail"
                  alt=""
                  className={classes.picture}
                />
              </span>
              <span className="tabular">{number}</span>
            </button>
          );
        })}
      </div>
    </nav>
  );
}
