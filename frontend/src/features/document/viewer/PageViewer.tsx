/**
 * The pages of a document one below the other, only those in sight drawn: zoom, turn, go to a page,
 * thumbnails beside it.
 */
import { useElementSize } from "@mantine/hooks";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useCallback, useEffect, useMemo, useRef, useState, type KeyboardEvent } from "react";
import { useTranslation } from "react-i18next";
import type { PageSheet, PictureSize } from "@/api/types";
import { Page } from "./Page";
import { FindBox } from "./FindBox";
import { useFind } from "./useFind";
import { clampZoom, GAP, MARGIN, pageAt, pageBoxes, sizeFor, type Turn } from "./layout";
import classes from "./PageViewer.module.css";
import { Strip } from "./Strip";
import { Toolbar } from "./Toolbar";

const ZOOM_STEP = 1.25;

export type ViewedPages = {
  documentId: number;
  version: number;
  pages: readonly PageSheet[];
  widths: Readonly<Record<PictureSize, number>>;
};

type PageViewerProps = ViewedPages & {
  /** What somebody searched for on the way here: the viewer opens at its first hit. */
  query?: string | undefined;
  note?: string | null;
};

export function PageViewer({ query: initial = "", note, ...viewed }: PageViewerProps) {
  const { t } = useTranslation();
  const { pages, widths } = viewed;
  const scroller = useRef<HTMLDivElement>(null);
  const { ref: sizer, width } = useElementSize();
  const [zoom, setZoom] = useState(1);
  const [turn, setTurn] = useState<Turn>(0);
  const [page, setPage] = useState(1);
  const [strip, setStrip] = useState<boolean | null>(null);

  const boxes = useMemo(() => pageBoxes(pages, { width, zoom, turn }), [pages, width, zoom, turn]);
  const virtualizer = useVirtualizer({
    count: pages.length,
    getScrollElement: () => scroller.current,
    estimateSize: (index) => (boxes[index]?.height ?? 0) + GAP,
    overscan: 1,
    paddingStart: MARGIN,
    paddingEnd: MARGIN - GAP,
  });

  // What is in sight stays in sight when pages change their size.
  const kept = useRef(1);
  const placed = useRef(boxes);
  useEffect(() => {
    if (width === 0) return;
    virtualizer.measure();
    virtualizer.scrollToIndex(kept.current - 1, { align: "start" });
    placed.current = boxes;
  }, [virtualizer, boxes, width]);

  const onScroll = () => {
    const element = scroller.current;
    // Until then the window stands where it stood in pages of other sizes.
    if (!element || placed.current !== boxes) return;
    const shown = pageAt(boxes, element.scrollTop, element.clientHeight);
    kept.current = shown;
    setPage(shown);
  };
  const goTo = useCallback(
    (target: number) => {
      if (target < 1 || target > pages.length) return;
      kept.current = target;
      setPage(target);
      virtualizer.scrollToIndex(target - 1, { align: "start" });
    },
    [pages.length, virtualizer],
  );
  const find = useFind(viewed, initial, goTo);
  const zoomBy = (factor: number) => setZoom((old) => clampZoom(old * factor));
  const rotate = () => setTurn((old) => ((old + 90) % 360) as Turn);

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const acts: Record<string, () => void> = {
      "+": () => zoomBy(ZOOM_STEP),
      "=": () => zoomBy(ZOOM_STEP),
      "-": () => zoomBy(1 / ZOOM_STEP),
      "0": () => setZoom(1),
      r: rotate,
      ArrowRight: () => goTo(page + 1),
      ArrowLeft: () => goTo(page - 1),
      Home: () => goTo(1),
      End: () => goTo(pages.length),
    };
    const act = acts[event.key];
    if (!act) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  };

  const density = globalThis.devicePixelRatio || 1;
  const showsStrip = strip ?? false;
  return (
    <div className={classes.root}>
      <Toolbar
        page={page}
        pages={pages.length}
        zoom={zoom}
        strip={showsStrip}
        onStrip={pages.length > 1 ? () => setStrip(!showsStrip) : undefined}
        onPage={goTo}
        onZoomIn={() => zoomBy(ZOOM_STEP)}
        onZoomOut={() => zoomBy(1 / ZOOM_STEP)}
        onFit={() => setZoom(1)}
        onRotate={rotate}
      >
        <FindBox
          initial={initial}
          total={find.total}
          beyond={find.beyond}
          number={find.number}
          onFind={find.setQuery}
          onStep={find.step}
        />
      </Toolbar>
      <div className={classes.stage}>
        {showsStrip && <Strip {...viewed} page={page} onPage={goTo} />}
        <div
          ref={scroller}
          className={classes.scroller}
          tabIndex={0}
          role="region"
          aria-label={t("viewer.pages")}
          onScroll={onScroll}
          onKeyDown={onKeyDown}
        >
          <div ref={sizer} className={classes.sizer} style={{ height: virtualizer.getTotalSize() }}>
            {virtualizer.getVirtualItems().map((row) => {
              const box = boxes[row.index];
              return (
                box && (
                  <Page
                    key={row.key}
                    documentId={viewed.documentId}
                    version={viewed.version}
                    number={row.index + 1}
                    box={box}
                    top={row.start}
                    turn={turn}
                    query={find.query}
                    hit={find.hit?.page === row.index + 1 ? find.hit.index : null}
                    size={sizeFor(turn % 180 === 0 ? box.width : box.height, density, widths)}
                  />
                )
              );
            })}
          </div>
          {note && <p className={classes.note}>{note}</p>}
        </div>
      </div>
    </div>
  );
}
