/** Entry: styles, providers, router. */
import "@fontsource-variable/inter/wght.css";
import "@mantine/core/styles.css";
import "@mantine/notifications/styles.css";
import "@mantine/spotlight/styles.css";
import "./styles/global.css";
import "./i18n";
import { MantineProvider } from "@mantine/core";
import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { queryClient } from "./api/queries";
import { router } from "./app/router";
import { uploads } from "./features/uploads/uploads";
import { cssVariables, theme } from "./theme";

// After an update of the service the page's own chunks are gone. A fresh page has the new ones;
// with uploads running it has to wait for the person, who sees the error state instead.
window.addEventListener("vite:preloadError", (event) => {
  const now = Date.now();
  if (uploads.busy || now - Number(sessionStorage.getItem("reloaded")) < 60_000) return;
  sessionStorage.setItem("reloaded", String(now));
  event.preventDefault();
  location.reload();
});

const root = document.getElementById("root");
if (root === null) throw new Error("index.html has no #root");

createRoot(root).render(
  <StrictMode>
    <MantineProvider theme={theme} cssVariablesResolver={cssVariables} defaultColorScheme="auto">
      <QueryClientProvider client={queryClient}>
        <RouterProvider router={router} />
      </QueryClientProvider>
    </MantineProvider>
  </StrictMode>,
);
