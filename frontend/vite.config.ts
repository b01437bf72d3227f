/**
 * Build of the web application: `src/` → `dist/`.
 * `vite dev` proxies the API to a service on port 8000 (`DMS_URL` overrides).
 */
import { resolve } from "node:path";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

export default defineConfig({
  plugins: [react()],
  resolve: { alias: { "@": resolve(new URL(".", import.meta.url).pathname, "src") } },
  build: {
    target: "es2022",
    // The content security policy allows no data: fonts or scripts, so nothing is inlined.
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 900,
  },
  server: {
    proxy: {
      "/api": { target: process.env.DMS_URL ?? "http://127.0.0.1:8000", ws: true },
    },
  },
});
