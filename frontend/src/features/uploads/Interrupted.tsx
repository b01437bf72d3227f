/** What an earlier page left unfinished, and the ways to go on with it: the page needs the files again. */
import { Button, Group, Text } from "@mantine/core";
import { useRef, type ChangeEvent } from "react";
import { useTranslation } from "react-i18next";
import { notifyDone } from "@/components/notify";
import { reopenUploads, uploads } from "./uploads";
import { foundInInput } from "./walk";
import classes from "./UploadPanel.module.css";

export function Interrupted({ count }: { count: number }) {
  const { t } = useTranslation();
  const files = useRef<HTMLInputElement>(null);
  const tree = useRef<HTMLInputElement>(null);
  const canReopen = uploads.reopenable().length > 0;
  const tell = (known: number) => {
    if (known === 0) notifyDone(t("uploads.interrupted.unknown"));
  };
  const picked = (event: ChangeEvent<HTMLInputElement>) => {
    const found = foundInInput(event.currentTarget.files ?? []);
    event.currentTarget.value = "";
    if (found.length > 0) void uploads.offer(found).then(tell);
  };
  return (
    <div className={classes.notice}>
      <input ref={files} type="file" multiple hidden onChange={picked} data-testid="again-files" />
      <input
        ref={tree}
        type="file"
        hidden
        onChange={picked}
        data-testid="again-folder"
        {...{ webkitdirectory: "" }}
      />
      <Text size="xs" fw={550}>
        {t("uploads.interrupted.title", { count })}
      </Text>
      <Text size="xs">{t("uploads.interrupted.text")}</Text>
      <Group gap={4}>
        {canReopen && (
          <Button size="compact-xs" onClick={() => void reopenUploads().then(tell)}>
            {t("uploads.resume")}
          </Button>
        )}
        <Button variant="default" size="compact-xs" onClick={() => files.current?.click()}>
          {t("uploads.interrupted.files")}
        </Button>
        <Button variant="default" size="compact-xs" onClick={() => tree.current?.click()}>
          {t("uploads.interrupted.folder")}
        </Button>
        <Button
          variant="subtle"
          color="red"
          size="compact-xs"
          onClick={() => uploads.cancelInterrupted()}
        >
          {t("uploads.interrupted.forget")}
        </Button>
      </Group>
    </div>
  );
}
