/** List or grid. */
import { ActionIcon, Tooltip } from "@mantine/core";
import { IconLayoutGrid, IconList } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";

type View = "list" | "grid";
type ViewSwitchProps = { view: View; onChange: (view: View) => void };

export function ViewSwitch({ view, onChange }: ViewSwitchProps) {
  const { t } = useTranslation();
  const other: View = view === "list" ? "grid" : "list";
  const Glyph = other === "grid" ? IconLayoutGrid : IconList;
  const label = t(`library.view.${other}`);
  return (
    <Tooltip label={label}>
      <ActionIcon
        variant="subtle"
        color="gray"
        size={30}
        aria-label={label}
        onClick={() => onChange(other)}
      >
        <Glyph size={17} stroke={1.8} />
      </ActionIcon>
    </Tooltip>
  );
}
