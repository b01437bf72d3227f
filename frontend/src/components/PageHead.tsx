/** The line above every list and document: where one is, and what one can do here. */
import { Group, Title } from "@mantine/core";
import type { ReactNode } from "react";
import classes from "./PageHead.module.css";

type PageHeadProps = { title: ReactNode; children?: ReactNode };

export function PageHead({ title, children }: PageHeadProps) {
  return (
    <header className={classes.head}>
      {typeof title === "string" ? <Title order={1}>{title}</Title> : title}
      {children !== undefined && (
        <Group gap={6} wrap="nowrap" ml="auto">
          {children}
        </Group>
      )}
    </header>
  );
}
