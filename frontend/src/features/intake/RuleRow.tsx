/** One rule in the list: what it says, where it stands, and its editor when it is opened. */
import { ActionIcon, Badge, Switch, Text, Tooltip } from "@mantine/core";
import { IconArrowDown, IconArrowUp, IconPencil, IconTrash, type Icon } from "@tabler/icons-react";
import { useLayoutEffect, useRef, type Ref } from "react";
import { useTranslation } from "react-i18next";
import type { IntakeSource } from "@/api/types";
import classes from "./Intake.module.css";
import type { RuleDraft } from "./ruleDraft";
import { RuleEditor } from "./RuleEditor";
import { type Names, thenWords, whenWords } from "./ruleWords";

type RuleRowProps = {
  rule: RuleDraft;
  /** From 1. */
  position: number;
  count: number;
  names: Names;
  sources: readonly IntakeSource[];
  isOpened: boolean;
  onToggle: () => void;
  onMove: (by: -1 | 1) => void;
  onRemove: () => void;
  onChange: (rule: RuleDraft) => void;
};

export function RuleRow({ rule, position, count, names, sources, ...props }: RuleRowProps) {
  const { t } = useTranslation();
  const { isOpened, onToggle, onMove, onRemove, onChange } = props;
  const name = rule.name.trim() || t("intake.rules.unnamed");
  const { up, down, move } = useKeptFocus(position, count, onMove);
  return (
    <li className={classes.rule} data-off={!rule.enabled || undefined}>
      <div className={classes.head}>
        <span className={classes.position} aria-hidden>
          {position}
        </span>
        <div className={classes.says}>
          <Text size="sm" fw={550}>
            {name} {!rule.enabled && <Badge color="gray">{t("intake.rules.off")}</Badge>}{" "}
            {rule.stop && <Badge color="blue">{t("intake.rules.stops")}</Badge>}
          </Text>
          <Text size="xs" c="dimmed">
            {whenWords(t, rule, names)}: {thenWords(t, rule, names)}
          </Text>
        </div>
        <div className={classes.tools}>
          <Switch
            size="xs"
            mr={6}
            aria-label={t("intake.rules.enabled", { name })}
            checked={rule.enabled}
            onChange={(event) => onChange({ ...rule, enabled: event.currentTarget.checked })}
          />
          <Tool
            ref={up}
            icon={IconArrowUp}
            label={t("intake.rules.moveUp", { name })}
            disabled={position === 1}
            onClick={() => move(-1)}
          />
          <Tool
            ref={down}
            icon={IconArrowDown}
            label={t("intake.rules.moveDown", { name })}
            disabled={position === count}
            onClick={() => move(1)}
          />
          <Tool
            icon={IconPencil}
            label={t("intake.rules.edit", { name })}
            expanded={isOpened}
            onClick={onToggle}
          />
          <Tool icon={IconTrash} label={t("intake.rules.delete", { name })} onClick={onRemove} />
        </div>
      </div>
      {isOpened && <RuleEditor rule={rule} sources={sources} onChange={onChange} />}
    </li>
  );
}

/** Whoever moves a rule with the keyboard can go on moving it: the button stays in focus, or at an end the other one. */
function useKeptFocus(position: number, count: number, onMove: (by: -1 | 1) => void) {
  const up = useRef<HTMLButtonElement>(null);
  const down = useRef<HTMLButtonElement>(null);
  const last = useRef<-1 | 1 | null>(null);
  useLayoutEffect(() => {
    if (last.current === null) return;
    const isAtEnd = last.current === -1 ? position === 1 : position === count;
    const goesUp = (last.current === -1) !== isAtEnd;
    (goesUp ? up : down).current?.focus();
    last.current = null;
  }, [position, count]);
  const move = (by: -1 | 1) => {
    last.current = by;
    onMove(by);
  };
  return { up, down, move };
}

type ToolProps = {
  icon: Icon;
  label: string;
  disabled?: boolean;
  expanded?: boolean;
  onClick: () => void;
  ref?: Ref<HTMLButtonElement>;
};

function Tool({ icon: Glyph, label, disabled = false, expanded, onClick, ref }: ToolProps) {
  return (
    <Tooltip label={label}>
      <ActionIcon
        ref={ref}
        variant="subtle"
        color="gray"
        aria-label={label}
        aria-expanded={expanded}
        disabled={disabled}
        onClick={onClick}
      >
        <Glyph size={16} />
      </ActionIcon>
    </Tooltip>
  );
}
