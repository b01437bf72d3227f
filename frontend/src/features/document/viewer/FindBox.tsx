/** Finds words in the document, as the search finds them, and goes from hit to hit. */
import { Text, TextInput } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { IconChevronLeft, IconChevronRight, IconSearch } from "@tabler/icons-react";
import type { TFunction } from "i18next";
import { useState, type KeyboardEvent } from "react";
import { useTranslation } from "react-i18next";
import type { HitsBeyond } from "@/api/types";
import classes from "./PageViewer.module.css";
import { Tool } from "./Toolbar";

const TYPING_MS = 300;

const onNoPage = (t: TFunction, { files }: HitsBeyond): string =>
  files.length ? t("viewer.inFile", { names: files.join(", ") }) : t("viewer.onNoPage");

type FindBoxProps = {
  initial: string;
  total: number | null;
  /** Where it is if it is on no page. */
  beyond: HitsBeyond | null;
  number: number;
  onFind: (query: string) => void;
  onStep: (by: 1 | -1) => void;
};

export function FindBox({ initial, total, beyond, number, onFind, onStep }: FindBoxProps) {
  const { t } = useTranslation();
  const [text, setText] = useState(initial);
  const find = useDebouncedCallback(onFind, TYPING_MS);
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    onStep(event.shiftKey ? -1 : 1);
  };
  return (
    <div className={classes.find}>
      <TextInput
        size="xs"
        className={classes.findInput}
        aria-label={t("viewer.find")}
        placeholder={t("viewer.find")}
        leftSection={<IconSearch size={14} />}
        value={text}
        onKeyDown={onKeyDown}
        onChange={(event) => {
          setText(event.currentTarget.value);
          find(event.currentTarget.value);
        }}
      />
      {total !== null && (
        <Text
          size="xs"
          c="dimmed"
          className="tabular"
          role="status"
          style={{ whiteSpace: "nowrap" }}
        >
          {total > 0
            ? t("viewer.hit", { current: number + 1, total })
            : beyond
              ? onNoPage(t, beyond)
              : t("viewer.noHits")}
        </Text>
      )}
      {total !== null && total > 0 && (
        <>
          <Tool icon={IconChevronLeft} label={t("viewer.previousHit")} onClick={() => onStep(-1)} />
          <Tool icon={IconChevronRight} label={t("viewer.nextHit")} onClick={() => onStep(1)} />
        </>
      )}
    </div>
  );
}
