/** The authenticator app, and the recovery codes. */
import { Alert, Button, Group, Text } from "@mantine/core";
import { modals } from "@mantine/modals";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import {
  beginAuthenticator,
  confirmAuthenticator,
  removeAuthenticator,
  replaceRecoveryCodes,
} from "@/api/calls";
import { queryClient, secondFactorQuery } from "@/api/queries";
import type { Enrolment } from "@/api/types";
import { notifyDone, notifyError } from "@/components/notify";
import { ErrorState, RowSkeletons } from "@/components/States";
import { When } from "@/components/When";
import { i18next } from "@/i18n";
import { CodeForm } from "./CodeForm";
import { EnrolmentForm } from "./EnrolmentForm";
import { RecoveryCodes } from "./RecoveryCodes";
import { Section } from "./Section";

const DIALOG = "second-factor";
const changed = () => queryClient.invalidateQueries({ queryKey: secondFactorQuery.queryKey });
const close = () => modals.close(DIALOG);

export function showRecoveryCodes(codes: string[]): void {
  modals.open({
    modalId: DIALOG,
    title: i18next.t("security.recovery"),
    withCloseButton: false,
    closeOnClickOutside: false,
    closeOnEscape: false,
    children: <RecoveryCodes codes={codes} done={i18next.t("security.kept")} onDone={close} />,
  });
}

function openEnrolment(enrolment: Enrolment): void {
  modals.open({
    modalId: DIALOG,
    title: i18next.t("security.authenticator"),
    children: <Confirming enrolment={enrolment} />,
  });
}

function Confirming({ enrolment }: { enrolment: Enrolment }) {
  const { t } = useTranslation();
  const confirm = useMutation({
    mutationFn: confirmAuthenticator,
    onSuccess: ({ recovery_codes }) => {
      notifyDone(t("security.authenticatorDone"));
      void changed();
      close();
      showRecoveryCodes(recovery_codes);
    },
  });
  return (
    <EnrolmentForm
      enrolment={enrolment}
      error={confirm.error}
      pending={confirm.isPending}
      onCode={(code) => confirm.mutate(code)}
    />
  );
}

function openRemoval(): void {
  modals.open({
    modalId: DIALOG,
    title: i18next.t("security.removeAuthenticator"),
    children: (
      <CodeForm
        action={i18next.t("security.remove")}
        color="red"
        send={removeAuthenticator}
        onDone={() => {
          notifyDone(i18next.t("security.authenticatorRemoved"));
          void changed();
          close();
        }}
      />
    ),
  });
}

function openNewCodes(): void {
  modals.open({
    modalId: DIALOG,
    title: i18next.t("security.newCodes"),
    children: (
      <CodeForm
        action={i18next.t("security.newCodes")}
        send={replaceRecoveryCodes}
        onDone={({ recovery_codes }) => {
          void changed();
          close();
          showRecoveryCodes(recovery_codes);
        }}
      />
    ),
  });
}

export function AuthenticatorSection() {
  const { t } = useTranslation();
  const held = useQuery(secondFactorQuery);
  const begin = useMutation({
    mutationFn: beginAuthenticator,
    onSuccess: openEnrolment,
    onError: notifyError,
  });
  if (held.isPending) return <RowSkeletons count={2} />;
  if (held.isError) return <ErrorState error={held.error} onRetry={() => void held.refetch()} />;
  const { authenticator_since, recovery_codes, required } = held.data;
  return (
    <>
      <Section
        title={t("security.authenticator")}
        text={t("security.authenticatorText")}
        action={
          authenticator_since === null ? (
            <Button onClick={() => begin.mutate()} loading={begin.isPending}>
              {t("security.setUp")}
            </Button>
          ) : (
            <Button variant="default" onClick={openRemoval}>
              {t("security.remove")}
            </Button>
          )
        }
      >
        {authenticator_since !== null && (
          <Text size="sm" mt="xs">
            {t("security.authenticatorSince")} <When at={authenticator_since} />
          </Text>
        )}
        {required && (
          <Alert mt="sm" color="blue">
            {t("security.required")}
          </Alert>
        )}
      </Section>
      {(authenticator_since !== null || recovery_codes > 0) && (
        <Section title={t("security.recovery")} text={t("security.recoveryText")}>
          <Group mt="xs" justify="space-between">
            <Text size="sm">{t("security.recoveryLeft", { count: recovery_codes })}</Text>
            <Button variant="default" onClick={openNewCodes}>
              {t("security.newCodes")}
            </Button>
          </Group>
        </Section>
      )}
    </>
  );
}
