/** Initials on a colour of the person's own; only colours dark enough for their letters. */
import { Avatar } from "@mantine/core";

const COLORS = ["blue", "violet", "grape", "pink"];

export function PersonAvatar({ name, size }: { name: string; size: number }) {
  return (
    <Avatar size={size} name={name} color="initials" allowedInitialsColors={COLORS} aria-hidden />
  );
}
