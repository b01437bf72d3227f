/** A password typed twice; the second is compared as it is typed. */
import { PasswordInput } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { MIN_PASSWORD } from "./PasswordForm";

type Typed = { password: string; again: string };
type NewPasswordFieldsProps = { value: Typed; onChange: (value: Typed) => void };

export const NOTHING_TYPED: Typed = { password: "", again: "" };
export const agree = ({ password, again }: Typed): boolean => password === again;

export function NewPasswordFields({ value, onChange }: NewPasswordFieldsProps) {
  const { t } = useTranslation();
  const show = { "aria-label": t("login.showPassword") };
  return (
    <>
      <PasswordInput
        label={t("account.newPassword")}
        description={t("account.passwordRule", { count: MIN_PASSWORD })}
        autoComplete="new-password"
        required
        withAsterisk={false}
        minLength={MIN_PASSWORD}
        visibilityToggleButtonProps={show}
        value={value.password}
        onChange={(event) => onChange({ ...value, password: event.currentTarget.value })}
      />
      <PasswordInput
        label={t("account.repeatPassword")}
        autoComplete="new-password"
        required
        withAsterisk={false}
        visibilityToggleButtonProps={show}
        error={value.again !== "" && !agree(value) && t("account.passwordsDiffer")}
        value={value.again}
        onChange={(event) => onChange({ ...value, again: event.currentTarget.value })}
      />
    </>
  );
}
