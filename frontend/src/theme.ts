/** Mantine's theme: a calm slate-and-blue palette, small type, tight controls. */
import {
  Badge,
  Button,
  createTheme,
  type CSSVariablesResolver,
  Drawer,
  type MantineColorsTuple,
  Menu,
  Modal,
  Notification,
  Tooltip,
} from "@mantine/core";
import { i18next } from "./i18n";

const blue: MantineColorsTuple = [
  "#eff4ff",
  "#dfe8fc",
  "#bccff7",
  "#95b3f1",
  "#7099ea",
  "#557fdd",
  "#3f69cb",
  "#2f56b8",
  "#27489a",
  "#1f3a7d",
];

const slate: MantineColorsTuple = [
  "#e2e6ee",
  "#c4cad6",
  "#98a1b3",
  "#69728a",
  "#3b4355",
  "#2c3342",
  "#232936",
  "#1a1f2a",
  "#141821",
  "#0e1118",
];

const gray: MantineColorsTuple = [
  "#f7f8fa",
  "#eff1f5",
  "#e4e7ed",
  "#d5dae3",
  "#bcc3cf",
  "#8d96a6",
  "#667085",
  "#4a5364",
  "#323a49",
  "#1b2230",
];

export const theme = createTheme({
  primaryColor: "blue",
  primaryShade: { light: 7, dark: 6 },
  colors: { blue, dark: slate, gray },
  black: "#1b2230",
  autoContrast: true,
  fontFamily:
    '"Inter Variable", system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif',
  fontFamilyMonospace: 'ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, monospace',
  headings: {
    fontWeight: "620",
    sizes: {
      h1: { fontSize: "1.25rem", lineHeight: "1.35" },
      h2: { fontSize: "1.0625rem", lineHeight: "1.4" },
      h3: { fontSize: "0.9375rem", lineHeight: "1.4" },
    },
  },
  fontSizes: { xs: "0.75rem", sm: "0.8125rem", md: "0.875rem", lg: "1rem", xl: "1.125rem" },
  spacing: { xs: "0.5rem", sm: "0.75rem", md: "1rem", lg: "1.25rem", xl: "2rem" },
  radius: { xs: "3px", sm: "5px", md: "7px", lg: "10px", xl: "16px" },
  defaultRadius: "sm",
  cursorType: "pointer",
  focusRing: "auto",
  components: {
    Badge: Badge.extend({ defaultProps: { variant: "light", size: "sm", tt: "none", fw: 550 } }),
    Button: Button.extend({ defaultProps: { size: "xs" } }),
    Drawer: Drawer.extend({
      defaultProps: { closeButtonProps: { "aria-label": i18next.t("common.close") } },
    }),
    Menu: Menu.extend({
      // The placeholder is an unnamed child that a menu may not have.
      defaultProps: { shadow: "md", position: "bottom-end", withInitialFocusPlaceholder: false },
    }),
    Notification: Notification.extend({
      defaultProps: { closeButtonProps: { "aria-label": i18next.t("common.close") } },
    }),
    Modal: Modal.extend({
      defaultProps: {
        centered: true,
        overlayProps: { blur: 1 },
        closeButtonProps: { "aria-label": i18next.t("common.close") },
      },
      styles: { title: { fontWeight: 620, fontSize: "1rem" } },
    }),
    Tooltip: Tooltip.extend({ defaultProps: { openDelay: 350, withArrow: true } }),
  },
});

/** Our own surfaces, and the two Mantine greys that miss the 4.5 : 1 contrast of WCAG AA. */
export const cssVariables: CSSVariablesResolver = () => ({
  variables: { "--app-header": "3rem", "--app-row": "2.25rem" },
  light: {
    "--app-added": "#dff4e8",
    "--app-good": "#0a6a4b",
    "--app-removed": "#fde4e4",
    "--app-warning": "#fff6dc",
    "--mantine-color-body": "#ffffff",
    "--mantine-color-dimmed": "#5b6577",
    "--mantine-color-placeholder": "#616a7b",
    "--mantine-color-error": "#c0262d",
    "--app-surface": "#f6f7fa",
    "--app-raised": "#ffffff",
    "--app-line": "#e3e7ee",
    "--app-line-strong": "#d0d6e0",
    "--app-hover": "#f1f4f9",
    "--app-selected": "#e6eefc",
    "--app-selected-strong": "#d6e3fb",
    "--app-accent": "#2f56b8",
    "--app-mark": "#ffe9a3",
    "--app-mark-text": "inherit",
    "--mantine-color-teal-light-color": "#0a6a4b",
    "--mantine-color-yellow-light-color": "#7a4b00",
    "--mantine-color-orange-light-color": "#9a3f00",
    "--app-paper": "#e9ecf2",
  },
  dark: {
    "--app-added": "#12301f",
    "--app-good": "#5fd3a6",
    "--app-removed": "#3d1a1d",
    "--app-warning": "#2e2710",
    "--mantine-color-gray-light": "#262d3b",
    "--mantine-color-gray-light-hover": "#2f3747",
    "--mantine-color-gray-light-color": "#c4cad6",
    "--mantine-color-body": "#141821",
    "--mantine-color-dimmed": "#98a1b3",
    "--mantine-color-placeholder": "#8791a5",
    "--mantine-color-error": "#ff8087",
    "--app-surface": "#10141c",
    "--app-raised": "#1a1f2a",
    "--app-line": "#262d3b",
    "--app-line-strong": "#384154",
    "--app-hover": "#1b212d",
    "--app-selected": "#1d2b4a",
    "--app-selected-strong": "#253760",
    "--app-accent": "#8fb0f5",
    "--app-mark": "#5c4a10",
    "--app-mark-text": "#ffefc2",
    "--app-paper": "#0b0e14",
  },
});
