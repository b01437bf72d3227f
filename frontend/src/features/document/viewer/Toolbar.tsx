/** What one does with pages: go, zoom, turn. */
import { ActionIcon, NumberInput, Text, Tooltip } from "@mantine/core";
import {
  IconArrowAutofitWidth,
  IconChevronDown,
  IconChevronUp,
  IconLayoutSidebar,
  IconRotateClockwise,
  IconZoomIn,
  IconZoomOut,
  type Icon,
} from "@tabler/icons-react";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { formatCount } from "@/components/format";
import classes from "./PageViewer.module.css";

type ToolbarProps = {
  page: number;
  pages: number;
  zoom: number;
  strip: boolean;
  onStrip?: (() => void) | undefined;
  onPage: (page: number) => void;
  onZoomIn: () => void;
  onZoomOut: () => void;
  onFit: () => void;
  onRotate: () => void;
  children?: ReactNode;
};

export function Toolbar(props: ToolbarProps) {
  const { page, pages, zoom, strip, onStrip, onPage, children } = props;
  const { t } = useTranslation();
  return (
    <div className={classes.toolbar} role="toolbar" aria-label={t("preview.tools")}>
      {onStrip && (
        <Tool
          icon={IconLayoutSidebar}
          label={t("viewer.thumbnails")}
          pressed={strip}
          onClick={onStrip}
        />
      )}
      <Tool
        icon={IconChevronUp}
        label={t("preview.previousPage")}
        disabled={page <= 1}
        onClick={() => onPage(page - 1)}
      />
      <Tool
        icon={IconChevronDown}
        label={t("preview.nextPage")}
        disabled={page >= pages}
        onClick={() => onPage(page + 1)}
      />
      <NumberInput
        size="xs"
        w={46}
        hideControls
        min={1}
        max={Math.max(1, pages)}
        aria-label={t("preview.page")}
        value={page}
        onChange={(value) => onPage(Number(value))}
        classNames={{ input: classes.pageInput }}
      />
      <Text size="xs" c="dimmed" className="tabular" style={{ whiteSpace: "nowrap" }}>
        / {formatCount(pages)}
      </Text>
      <span className={classes.gap} />
      <Tool icon={IconZoomOut} label={t("preview.zoomOut")} onClick={props.onZoomOut} />
      <Tool icon={IconZoomIn} label={t("preview.zoomIn")} onClick={props.onZoomIn} />
      <Tool icon={IconArrowAutofitWidth} label={t("preview.fitWidth")} onClick={props.onFit} />
      <Tool icon={IconRotateClockwise} label={t("preview.rotate")} onClick={props.onRotate} />
      <Text size="xs" c="dimmed" w={38} ta="right" className="tabular" visibleFrom="xs">
        {Math.round(zoom * 100)}%
      </Text>
      {children}
    </div>
  );
}

type ToolProps = {
  icon: Icon;
  label: string;
  onClick: () => void;
  disabled?: boolean;
  pressed?: boolean;
};

export function Tool({ icon: Glyph, label, onClick, disabled = false, pressed }: ToolProps) {
  return (
    <Tooltip label={label}>
      <ActionIcon
        variant={pressed ? "light" : "subtle"}
        color="gray"
        aria-label={label}
        aria-pressed={pressed}
        disabled={disabled}
        onClick={onClick}
      >
        <Glyph size={17} />
      </ActionIcon>
    </Tooltip>
  );
}
