/** Setting up the second factor that the organisation asks for, before the first session. */
import { Stack, Text } from "@mantine/core";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { ErrorState, RowSkeletons } from "@/components/States";
import { EnrolmentForm } from "@/features/security/EnrolmentForm";
import { RecoveryCodes } from "@/features/security/RecoveryCodes";
import { beginEnrolment, finishEnrolment } from "./steps";

type EnrolmentStepProps = { ticket: string; onDone: () => void; onBack: () => void };

export function EnrolmentStep({ ticket, onDone, onBack }: EnrolmentStepProps) {
  const { t } = useTranslation();
  const begun = useQuery({
    queryKey: ["enrolment", ticket],
    queryFn: () => beginEnrolment(ticket),
    staleTime: Infinity,
    gcTime: 0,
  });
  const finish = useMutation({ mutationFn: (code: string) => finishEnrolment(ticket, code) });
  return (
    <Stack gap="md">
      <Text component="h2" fw={600} ta="center">
        {t("enrolment.title")}
      </Text>
      {finish.data ? (
        <RecoveryCodes
          codes={finish.data.recovery_codes}
          done={t("enrolment.finish")}
          onDone={onDone}
        />
      ) : (
        <>
          <Text size="sm" c="dimmed" ta="center">
            {t("enrolment.explained")}
          </Text>
          {begun.isPending && <RowSkeletons count={3} />}
          {begun.isError && <ErrorState error={begun.error} onRetry={onBack} />}
          {begun.data && (
            <EnrolmentForm
              enrolment={begun.data}
              error={finish.error}
              pending={finish.isPending}
              onCode={(code) => finish.mutate(code)}
            />
          )}
        </>
      )}
    </Stack>
  );
}
