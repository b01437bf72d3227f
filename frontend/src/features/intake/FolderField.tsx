/** Choice of a folder in a form: what is chosen is named, and the tree of folders opens below. */
import { Button, Collapse, Input, ScrollArea, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useId, useState } from "react";
import { useTranslation } from "react-i18next";
import { folderQuery } from "@/api/queries";
import type { Folder } from "@/api/types";
import { FolderTree } from "@/features/library/FolderTree";
import classes from "./Intake.module.css";

type FolderFieldProps = {
  label: string;
  value: number | null;
  onChange: (folderId: number | null) => void;
  clearable?: boolean;
};

/** The names from the cabinet down. */
export const pathOf = ({ ancestors, name }: Folder): string =>
  [...ancestors.map((one) => one.name), name].join(" / ");

export function FolderField({ label, value, onChange, clearable = false }: FolderFieldProps) {
  const { t } = useTranslation();
  const id = useId();
  const [opened, setOpened] = useState(false);
  return (
    <div role="group" aria-labelledby={id}>
      <Input.Label labelElement="div" id={id}>
        {label}
      </Input.Label>
      <div className={classes.folder}>
        <div className={classes.folderName}>
          <Chosen value={value} />
        </div>
        {clearable && value !== null && (
          <Button variant="subtle" size="compact-sm" onClick={() => onChange(null)}>
            {t("intake.folder.clear")}
          </Button>
        )}
        <Button
          variant="default"
          size="compact-sm"
          aria-expanded={opened}
          aria-label={`${t(opened ? "intake.folder.close" : "intake.folder.choose")} ${label}`}
          onClick={() => setOpened(!opened)}
        >
          {t(opened ? "intake.folder.close" : "intake.folder.choose")}
        </Button>
      </div>
      <Collapse expanded={opened}>
        {opened && (
          <ScrollArea.Autosize
            mah={240}
            mt={6}
            p={6}
            bd="1px solid var(--app-line)"
            style={{ borderRadius: 6 }}
          >
            <FolderTree
              labelledBy={id}
              picked={value}
              onPick={(folder) => {
                onChange(folder.id);
                setOpened(false);
              }}
            />
          </ScrollArea.Autosize>
        )}
      </Collapse>
    </div>
  );
}

function Chosen({ value }: { value: number | null }) {
  const { t } = useTranslation();
  const folder = useQuery({ ...folderQuery(value ?? 0), enabled: value !== null });
  if (value === null) {
    return (
      <Text size="sm" c="dimmed">
        {t("intake.folder.none")}
      </Text>
    );
  }
  if (folder.isError) return <Text size="sm">{t("intake.rule.folderUnknown")}</Text>;
  return <Text size="sm">{folder.data ? pathOf(folder.data) : "…"}</Text>;
}
