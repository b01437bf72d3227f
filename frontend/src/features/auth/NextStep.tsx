/** What the service asks for before it begins a session: the second factor, or setting one up. */
import { EnrolmentStep } from "./EnrolmentStep";
import { SecondStep } from "./SecondStep";
import type { Next } from "./steps";

type NextStepProps = { step: Next; onDone: () => void; onBack: () => void };

export function NextStep({ step, onDone, onBack }: NextStepProps) {
  return step.kind === "code" ? (
    <SecondStep step={step} onDone={onDone} onBack={onBack} />
  ) : (
    <EnrolmentStep ticket={step.ticket} onDone={onDone} onBack={onBack} />
  );
}
