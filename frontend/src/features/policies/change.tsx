/** A change of access is looked at before it is made: what it gives and takes, then yes or no. */
import { Button, Group, Stack, Text, Textarea } from "@mantine/core";
import { modals } from "@mantine/modals";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { isProblem } from "@/api/problem";
import { accessChanged } from "@/api/queries";
import type { SimulatedChange } from "@/api/types";
import { Simulated } from "@/features/access/Simulated";
import { ErrorNote } from "@/features/library/dialogs";

const MODAL = "change";

type ChangeProps = {
  /** What is simulated. */
  change: SimulatedChange;
  text?: string;
  confirm: string;
  color?: string;
  onConfirm: (reason?: string) => Promise<unknown>;
  onDone: () => void;
};

export function openChange({ title, ...props }: ChangeProps & { title: string }): void {
  modals.open({ modalId: MODAL, title, size: "lg", children: <Change {...props} /> });
}

function Change({ change, text, confirm, color = "blue", onConfirm, onDone }: ChangeProps) {
  const { t } = useTranslation();
  const [reason, setReason] = useState("");
  const make = useMutation({
    mutationFn: () => onConfirm(reason.trim() === "" ? undefined : reason.trim()),
    onSuccess: () => {
      modals.close(MODAL);
      onDone();
      accessChanged();
    },
  });
  const wantsReason = isProblem(make.error, "reason_missing");
  const [asked, setAsked] = useState(false);
  if (wantsReason && !asked) setAsked(true);
  return (
    <Stack gap="md">
      {text !== undefined && <Text size="sm">{text}</Text>}
      <Simulated change={change} />
      {asked && (
        <Textarea
          label={t("access.reason.label")}
          description={t("access.reason.text")}
          autosize
          minRows={2}
          maxLength={1000}
          autoFocus
          value={reason}
          onChange={(event) => setReason(event.currentTarget.value)}
        />
      )}
      {make.isError && !wantsReason && <ErrorNote error={make.error} />}
      <Group justify="flex-end" gap="xs">
        <Button variant="default" onClick={() => modals.close(MODAL)}>
          {t("common.cancel")}
        </Button>
        <Button
          color={color}
          loading={make.isPending}
          disabled={asked && reason.trim() === ""}
          onClick={() => make.mutate()}
        >
          {confirm}
        </Button>
      </Group>
    </Stack>
  );
}
