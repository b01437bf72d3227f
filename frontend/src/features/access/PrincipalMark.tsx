/** A person's initials, or the sign of a group. */
import { ThemeIcon } from "@mantine/core";
import { IconUsersGroup } from "@tabler/icons-react";
import type { Principal } from "@/api/types";
import { PersonAvatar } from "@/components/PersonAvatar";
import { isGroup } from "./words";

export function PrincipalMark({ principal }: { principal: Principal }) {
  if (!isGroup(principal)) return <PersonAvatar size={30} name={principal.name} />;
  return (
    <ThemeIcon size={30} radius="xl" variant="light" color="gray" aria-hidden>
      <IconUsersGroup size={17} stroke={1.7} />
    </ThemeIcon>
  );
}
