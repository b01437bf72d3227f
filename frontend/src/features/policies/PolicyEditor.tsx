/** The JSON of a policy in CodeMirror: faults are marked where they are. */
import { autocompletion, closeBrackets, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { json } from "@codemirror/lang-json";
import { bracketMatching, HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { lintGutter, lintKeymap, setDiagnostics } from "@codemirror/lint";
import { EditorState, type Extension } from "@codemirror/state";
import {
  drawSelection,
  EditorView,
  highlightActiveLine,
  highlightActiveLineGutter,
  keymap,
  lineNumbers,
} from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { useEffect, useImperativeHandle, useRef, type Ref } from "react";
import { complete } from "./completions";
import classes from "./Policies.module.css";
import type { Fault } from "./policyText";

const colours = HighlightStyle.define([
  { tag: tags.propertyName, color: "var(--app-accent)" },
  { tag: tags.string, color: "var(--app-good)" },
  { tag: [tags.number, tags.bool, tags.null], color: "var(--mantine-color-orange-light-color)" },
]);

const look = EditorView.theme({
  "&": { fontSize: "13px", backgroundColor: "var(--app-raised)" },
  "&.cm-focused": { outline: "2px solid var(--app-accent)", outlineOffset: "-1px" },
  ".cm-scroller": { fontFamily: "var(--mantine-font-family-monospace)", lineHeight: "1.55" },
  ".cm-content, .cm-gutter": { minHeight: "14rem" },
  ".cm-content": { caretColor: "var(--mantine-color-text)" },
  ".cm-cursor": { borderLeftColor: "var(--mantine-color-text)" },
  ".cm-gutters": {
    backgroundColor: "var(--app-surface)",
    color: "var(--mantine-color-dimmed)",
    borderRight: "1px solid var(--app-line)",
  },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "var(--app-hover)" },
  "&.cm-focused .cm-selectionBackground, .cm-selectionBackground": {
    backgroundColor: "var(--app-selected-strong) !important",
  },
  ".cm-tooltip": {
    backgroundColor: "var(--app-raised)",
    border: "1px solid var(--app-line-strong)",
    color: "var(--mantine-color-text)",
  },
  ".cm-tooltip-autocomplete ul li[aria-selected]": {
    backgroundColor: "var(--app-selected-strong)",
    color: "var(--mantine-color-text)",
  },
});

/** Tab leaves the editor, as it leaves any other field: nobody is caught in it. */
const extensions: Extension[] = [
  lineNumbers(),
  lintGutter(),
  highlightActiveLine(),
  highlightActiveLineGutter(),
  history(),
  drawSelection(),
  bracketMatching(),
  closeBrackets(),
  autocompletion({ override: [complete] }),
  json(),
  syntaxHighlighting(colours),
  keymap.of([...completionKeymap, ...lintKeymap, ...historyKeymap, ...defaultKeymap]),
  EditorView.lineWrapping,
  look,
];

export type EditorHandle = { reveal: (offset: number) => void };

type PolicyEditorProps = {
  label: string;
  value: string;
  onChange: (value: string) => void;
  /** What is wrong with `text`, which may be a moment behind the value. */
  checked: { text: string; faults: readonly Fault[] };
  ref?: Ref<EditorHandle>;
};

export function PolicyEditor({ label, value, onChange, checked, ref }: PolicyEditorProps) {
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView>(null);
  const changed = useRef(onChange);
  useEffect(() => {
    changed.current = onChange;
  });

  useEffect(() => {
    if (host.current === null) return;
    const made = new EditorView({
      parent: host.current,
      state: EditorState.create({
        extensions: [
          ...extensions,
          EditorView.contentAttributes.of({ "aria-label": label }),
          EditorView.updateListener.of((update) => {
            if (update.docChanged) changed.current(update.state.doc.toString());
          }),
        ],
      }),
    });
    view.current = made;
    return () => made.destroy();
  }, [label]);

  useEffect(() => {
    const made = view.current;
    if (made === null || made.state.doc.toString() === value) return;
    made.dispatch({ changes: { from: 0, to: made.state.doc.length, insert: value } });
  }, [value, label]);

  useEffect(() => {
    const made = view.current;
    if (made?.state.doc.toString() !== checked.text) return;
    const marks = checked.faults.map(({ from, to, detail }) => ({
      from,
      to: Math.min(to, made.state.doc.length),
      severity: "error" as const,
      message: detail,
    }));
    made.dispatch(setDiagnostics(made.state, marks));
  }, [checked, value]);

  useImperativeHandle(
    ref,
    () => ({
      reveal: (offset) => {
        view.current?.dispatch({ selection: { anchor: offset }, scrollIntoView: true });
        view.current?.focus();
      },
    }),
    [],
  );

  return <div ref={host} className={classes.editor} />;
}
