/** A PDF by pdf.js's own viewer, which draws only the pages in sight; ours is the toolbar. */
import { ActionIcon, Center, Loader, NumberInput, Text, TextInput, Tooltip } from "@mantine/core";
import {
  IconArrowAutofitWidth,
  IconChevronDown,
  IconChevronUp,
  IconFileOff,
  IconLock,
  IconRotateClockwise,
  IconSearch,
  IconZoomIn,
  IconZoomOut,
} from "@tabler/icons-react";
import { useEffect, useRef, useState, type KeyboardEvent, type RefObject } from "react";
import { useTranslation } from "react-i18next";
import { contentPath } from "@/api/calls";
import { formatCount } from "@/components/format";
import { ErrorState, Message } from "@/components/States";
import { plainWords } from "@/features/search/words";
// Before the viewer, which takes the library from a global that this sets.
import { openPdf, pdfjs } from "./pdf";
import {
  EventBus,
  PDFFindController,
  PDFLinkService,
  PDFViewer,
} from "pdfjs-dist/legacy/web/pdf_viewer.mjs";
import "pdfjs-dist/legacy/web/pdf_viewer.css";
import type { PreviewProps } from "./Preview";
import classes from "./PdfPreview.module.css";

const MIN_ZOOM = 0.25;
const MAX_ZOOM = 6;
const ZOOM_STEP = 1.2;

type ViewerState = { pages: number; page: number; zoom: number; matches: number | null };
const NOTHING: ViewerState = { pages: 0, page: 1, zoom: 1, matches: null };

type Viewer = { viewer: PDFViewer; events: EventBus };

function usePdf(container: RefObject<HTMLDivElement | null>, props: PreviewProps) {
  const { document, version, query } = props;
  const [state, setState] = useState<ViewerState>(NOTHING);
  const [error, setError] = useState<unknown>(null);
  const [handle, setHandle] = useState<Viewer | null>(null);
  const words = query === undefined ? "" : plainWords(query).join(" ");

  useEffect(() => {
    const element = container.current;
    if (element === null) return;
    const stop = new AbortController();
    const events = new EventBus();
    const links = new PDFLinkService({ eventBus: events });
    const finder = new PDFFindController({ eventBus: events, linkService: links });
    const viewer = new PDFViewer({
      container: element,
      eventBus: events,
      linkService: links,
      findController: finder,
      annotationMode: pdfjs.AnnotationMode.ENABLE,
      supportsPinchToZoom: true,
    });
    links.setViewer(viewer);
    const update = (change: Partial<ViewerState>) => setState((old) => ({ ...old, ...change }));
    events.on("pagesinit", () => {
      viewer.currentScaleValue = "page-width";
      if (viewer.currentScale > 1.4) viewer.currentScale = 1.4;
      update({ pages: viewer.pagesCount });
      if (words) find(events, words, "");
    });
    events.on("pagechanging", ({ pageNumber }: { pageNumber: number }) =>
      update({ page: pageNumber }),
    );
    events.on("scalechanging", ({ scale }: { scale: number }) => update({ zoom: scale }));
    events.on("updatefindmatchescount", (event: { matchesCount: { total: number } }) =>
      update({ matches: event.matchesCount.total }),
    );
    const loading = openPdf(contentPath(document.id, version.number), version.size, setError);
    loading.promise.then(
      (pdf) => {
        if (stop.signal.aborted) return;
        viewer.setDocument(pdf);
        links.setDocument(pdf, null);
        setHandle({ viewer, events });
      },
      (reason: unknown) => {
        if (!stop.signal.aborted) setError(reason);
      },
    );
    return () => {
      stop.abort();
      // The types do not know it, but null is how pdf.js lets go of a document.
      viewer.setDocument(null as unknown as Parameters<PDFViewer["setDocument"]>[0]);
      void loading.destroy();
    };
  }, [container, document.id, version.number, version.size, words]);

  return { state, error, handle };
}

// pdf.js is told what to do by assignment.

function showPage(viewer: PDFViewer, page: number): void {
  viewer.currentPageNumber = page;
}

function zoomViewer(viewer: PDFViewer, scale: number): void {
  viewer.currentScale = Math.min(MAX_ZOOM, Math.max(MIN_ZOOM, scale));
}

function fitWidth(viewer: PDFViewer): void {
  viewer.currentScaleValue = "page-width";
}

function rotate(viewer: PDFViewer): void {
  viewer.pagesRotation = (viewer.pagesRotation + 90) % 360;
}

function find(events: EventBus, query: string, type: "" | "again", previous = false): void {
  events.dispatch("find", {
    source: null,
    type,
    query: type === "" && query.includes(" ") ? query.split(" ") : query,
    caseSensitive: false,
    entireWord: false,
    highlightAll: true,
    findPrevious: previous,
    matchDiacritics: false,
  });
}

export function PdfPreview(props: PreviewProps) {
  const { t } = useTranslation();
  const container = useRef<HTMLDivElement>(null);
  const { state, error, handle } = usePdf(container, props);

  if (error instanceof Error && error.name === "PasswordException") {
    return <Message icon={IconLock} title={t("preview.locked")} text={t("preview.lockedText")} />;
  }
  if (error instanceof pdfjs.InvalidPDFException) {
    return (
      <Message icon={IconFileOff} title={t("preview.broken")} text={t("preview.brokenText")} />
    );
  }
  if (error) return <ErrorState error={error} />;
  return (
    <div className={classes.root}>
      <Toolbar state={state} handle={handle} initialQuery={props.query} />
      <div className={classes.stage}>
        <div
          ref={container}
          className={classes.container}
          tabIndex={0}
          role="region"
          aria-label={t("preview.pdf")}
        >
          <div className={`pdfViewer ${classes.pages ?? ""}`} />
        </div>
        {state.pages === 0 && (
          <Center className={classes.loading}>
            <Loader size="sm" />
          </Center>
        )}
      </div>
    </div>
  );
}

type ToolbarProps = {
  state: ViewerState;
  handle: Viewer | null;
  initialQuery: string | undefined;
};

function Toolbar({ state, handle, initialQuery }: ToolbarProps) {
  const { t } = useTranslation();
  const { pages, page, zoom, matches } = state;
  const goTo = (target: number) => {
    if (handle && target >= 1 && target <= pages) showPage(handle.viewer, target);
  };
  const zoomTo = (scale: number) => handle && zoomViewer(handle.viewer, scale);
  const tools = [
    [IconZoomOut, t("preview.zoomOut"), () => zoomTo(zoom / ZOOM_STEP)],
    [IconZoomIn, t("preview.zoomIn"), () => zoomTo(zoom * ZOOM_STEP)],
    [IconArrowAutofitWidth, t("preview.fitWidth"), () => handle && fitWidth(handle.viewer)],
    [IconRotateClockwise, t("preview.rotate"), () => handle && rotate(handle.viewer)],
  ] as const;

  return (
    <div className={classes.toolbar} role="toolbar" aria-label={t("preview.tools")}>
      <ActionIcon
        variant="subtle"
        color="gray"
        disabled={page <= 1}
        aria-label={t("preview.previousPage")}
        onClick={() => goTo(page - 1)}
      >
        <IconChevronUp size={17} />
      </ActionIcon>
      <ActionIcon
        variant="subtle"
        color="gray"
        disabled={page >= pages}
        aria-label={t("preview.nextPage")}
        onClick={() => goTo(page + 1)}
      >
        <IconChevronDown size={17} />
      </ActionIcon>
      <NumberInput
        size="xs"
        w={46}
        hideControls
        min={1}
        max={Math.max(1, pages)}
        aria-label={t("preview.page")}
        value={page}
        onChange={(value) => goTo(Number(value))}
        classNames={{ input: classes.pageInput }}
      />
      <Text size="xs" c="dimmed" className="tabular" style={{ whiteSpace: "nowrap" }}>
        / {formatCount(pages)}
      </Text>
      <span className={classes.gap} />
      {tools.map(([Glyph, label, act]) => (
        <Tooltip key={label} label={label}>
          <ActionIcon variant="subtle" color="gray" aria-label={label} onClick={act}>
            <Glyph size={17} />
          </ActionIcon>
        </Tooltip>
      ))}
      <Text size="xs" c="dimmed" w={38} ta="right" className="tabular" visibleFrom="xs">
        {Math.round(zoom * 100)}%
      </Text>
      <FindBox handle={handle} matches={matches} initialQuery={initialQuery} />
    </div>
  );
}

type FindBoxProps = {
  handle: Viewer | null;
  matches: number | null;
  initialQuery: string | undefined;
};

function FindBox({ handle, matches, initialQuery = "" }: FindBoxProps) {
  const { t } = useTranslation();
  const [text, setText] = useState(plainWords(initialQuery).join(" "));
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Enter" && handle && text) find(handle.events, text, "again", event.shiftKey);
  };
  const onChange = (value: string) => {
    setText(value);
    if (handle) find(handle.events, value, "");
  };
  return (
    <TextInput
      size="xs"
      className={classes.find}
      aria-label={t("preview.find")}
      placeholder={t("preview.find")}
      leftSection={<IconSearch size={14} />}
      value={text}
      onKeyDown={onKeyDown}
      onChange={(event) => onChange(event.currentTarget.value)}
      rightSectionWidth={48}
      rightSection={
        text && matches !== null ? (
          <Text size="xs" c="dimmed" className="tabular" aria-live="polite">
            {formatCount(matches)}
          </Text>
        ) : null
      }
    />
  );
}
