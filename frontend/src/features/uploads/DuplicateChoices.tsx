/** Somebody filed these bytes already: what shall become of this upload. */
import { Button, Group, Menu } from "@mantine/core";
import { IconChevronDown } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import type { UploadEntry } from "./job";
import { uploads } from "./uploads";

export function DuplicateChoices({ entry }: { entry: UploadEntry }) {
  const { t } = useTranslation();
  // Where these bytes are current already, another version would say nothing new.
  const behind = entry.same.filter((one) => !one.is_current && one.permissions.includes("write"));
  return (
    <Group gap={4} wrap="nowrap" pl={30}>
      <Button size="compact-xs" onClick={() => uploads.resolveDuplicate(entry.id, "existing")}>
        {t("uploads.duplicate.existing")}
      </Button>
      {behind.length > 0 && (
        <Menu withinPortal>
          <Menu.Target>
            <Button
              size="compact-xs"
              variant="default"
              rightSection={<IconChevronDown size={12} aria-hidden />}
            >
              {t("uploads.choice.version")}
            </Button>
          </Menu.Target>
          <Menu.Dropdown>
            {behind.map((one) => (
              <Menu.Item
                key={one.document_id}
                onClick={() => uploads.becomeVersion(entry.id, one.document_id)}
              >
                {t("uploads.duplicate.versionOf", { name: one.name })}
              </Menu.Item>
            ))}
          </Menu.Dropdown>
        </Menu>
      )}
      <Button
        size="compact-xs"
        variant="default"
        onClick={() => uploads.resolveDuplicate(entry.id, "keep")}
      >
        {t("uploads.choice.rename")}
      </Button>
    </Group>
  );
}
