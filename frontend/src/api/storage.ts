/** What the amounts of the storage mean. */
import type { StorageStatus } from "./types";

const DAMAGE = ["missing", "damaged", "unreadable"] as const;

/** How many blobs there are whose content cannot be read. */
export const damaged = ({ faults }: StorageStatus): number =>
  DAMAGE.reduce((sum, kind) => sum + (faults[kind] ?? 0), 0);
