/** Whom a simulated change concerns, and how. Pure. */
import type { SimulatedUser, Simulation } from "@/api/types";

export type Felt = { gained: SimulatedUser[]; lost: SimulatedUser[]; untouched: number };

/** The users who gain and those who lose, most first; one who does both is in both. */
export function felt({ users }: Simulation): Felt {
  const gained = users.filter((one) => one.gained + one.folders_gained > 0);
  const lost = users.filter((one) => one.lost + one.folders_lost > 0);
  const untouched = users.filter((one) => !gained.includes(one) && !lost.includes(one)).length;
  return {
    gained: gained.sort((a, b) => b.gained - a.gained || b.folders_gained - a.folders_gained),
    lost: lost.sort((a, b) => b.lost - a.lost || b.folders_lost - a.folders_lost),
    untouched,
  };
}
