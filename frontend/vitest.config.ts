/** Unit tests of the logic without a browser; what needs one is in tests/e2e. */
import { resolve } from "node:path";
import { defineConfig } from "vitest/config";

export default defineConfig({
  resolve: { alias: { "@": resolve(new URL(".", import.meta.url).pathname, "src") } },
  test: { environment: "node", include: ["src/**/*.test.ts"] },
});
