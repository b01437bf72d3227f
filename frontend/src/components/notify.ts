/** Short messages in the corner: something was done, or could not be. */
import { notifications } from "@mantine/notifications";
import { i18next } from "@/i18n";
import { explain } from "./useExplain";

export function notifyDone(message: string): void {
  notifications.show({ message, color: "teal", autoClose: 3_500 });
}

export function notifyError(error: unknown): void {
  const { title, advice } = explain(i18next.t, error);
  notifications.show({ title, message: advice, color: "red", autoClose: 9_000 });
}
