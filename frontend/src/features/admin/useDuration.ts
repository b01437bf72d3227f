/** Seconds as people say them: “40 s”, “12 min”, “3 h”. */
import { useTranslation } from "react-i18next";

const MINUTE = 60;
const HOUR = 60 * MINUTE;

export function useDuration(): (seconds: number) => string {
  const { t } = useTranslation();
  return (seconds) => {
    if (seconds < 2 * MINUTE) return t("jobs.seconds", { count: Math.round(seconds) });
    if (seconds < 2 * HOUR) return t("jobs.minutes", { count: Math.round(seconds / MINUTE) });
    return t("jobs.hours", { count: Math.round(seconds / HOUR) });
  };
}
