import js from "@eslint/js";
import reactHooks from "eslint-plugin-react-hooks";
import tseslint from "typescript-eslint";

export default tseslint.config(
  { ignores: ["dist", "src/api/schema.d.ts"] },
  js.configs.recommended,
  {
    files: ["src/**/*.{ts,tsx}", "*.config.ts"],
    extends: [...tseslint.configs.strictTypeChecked, ...tseslint.configs.stylisticTypeChecked],
    plugins: { "react-hooks": reactHooks },
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      ...reactHooks.configs.recommended.rules,
      // TanStack Virtual hands out functions the React compiler may not memoise; we do not run the compiler.
      "react-hooks/incompatible-library": "off",
      // `onClick={() => void save()}` and `onClick={async () => …}` are both how React code is written.
      "@typescript-eslint/no-misused-promises": [
        "error",
        { checksVoidReturn: { attributes: false } },
      ],
      // `({ sort: _sort, ...rest })` is how one leaves a field out.
      "@typescript-eslint/no-unused-vars": ["error", { ignoreRestSiblings: true }],
      // One-line arrow handlers that call a void function read better without braces.
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
      // Numbers and booleans in template strings are printed as everyone expects.
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      // TanStack Router's control flow is `throw redirect(…)`.
      "@typescript-eslint/only-throw-error": "off",
      // `type` and `interface` differ too little to argue about.
      "@typescript-eslint/consistent-type-definitions": "off",
    },
  },
);
