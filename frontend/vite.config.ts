/**
 * Build of the web application: `src/` → `dist/`, plus the data files pdf.js loads at run time.
 * `vite dev` proxies the API to a service on port 8000 (`DMS_URL` overrides).
 */
import { cpSync, createReadStream, existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";

const pdfjsRoot = dirname(createRequire(import.meta.url).resolve("pdfjs-dist/package.json"));
const pdfjsFolders = ["cmaps", "iccs", "standard_fonts", "wasm"];

/** Serves and copies what pdf.js fetches by name: character maps, colour profiles, fonts, decoders. */
function pdfjsData(): Plugin {
  let outDir = "dist";
  return {
    name: "pdfjs-data",
    configResolved(config) {
      outDir = resolve(config.root, config.build.outDir);
    },
    configureServer(server) {
      server.middlewares.use("/pdfjs", (request, response, next) => {
        const path = join(pdfjsRoot, (request.url ?? "").split("?")[0] ?? "");
        if (!existsSync(path)) {
          next();
          return;
        }
        createReadStream(path).pipe(response);
      });
    },
    closeBundle() {
      for (const folder of pdfjsFolders) {
        cpSync(join(pdfjsRoot, folder), join(outDir, "pdfjs", folder), { recursive: true });
      }
    },
  };
}

export default defineConfig({
  plugins: [react(), pdfjsData()],
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
