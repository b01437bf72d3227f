/** The list of keys, behind `?`. */
import { Group, Kbd, SimpleGrid, Stack, Text, Title } from "@mantine/core";
import { useTranslation } from "react-i18next";

const SECTIONS = {
  everywhere: [
    ["palette", ["Ctrl", "K"]],
    ["help", ["?"]],
    ["home", ["Alt", "1"]],
    ["library", ["Alt", "2"]],
    ["searchPage", ["Alt", "3"]],
    ["trash", ["Alt", "4"]],
    ["scheme", ["Ctrl", "Shift", "L"]],
  ],
  list: [
    ["move", ["↑", "↓"]],
    ["open", ["Enter"]],
    ["parent", ["Backspace"]],
    ["select", ["Space"]],
    ["extend", ["Shift", "↑↓"]],
    ["all", ["Ctrl", "A"]],
    ["rename", ["F2"]],
    ["delete", ["Delete"]],
    ["menu", ["Shift", "F10"]],
    ["newFolder", ["N"]],
    ["upload", ["U"]],
  ],
} as const;

export function ShortcutsHelp() {
  const { t } = useTranslation();
  return (
    <SimpleGrid cols={{ base: 1, sm: 2 }} spacing="xl">
      {(Object.keys(SECTIONS) as (keyof typeof SECTIONS)[]).map((section) => (
        <Stack key={section} gap={6}>
          <Title order={3} mb={4}>
            {t(`shortcuts.${section}`)}
          </Title>
          {SECTIONS[section].map(([name, keys]) => (
            <Group key={name} justify="space-between" wrap="nowrap">
              <Text size="sm">{t(`shortcuts.${name}`)}</Text>
              <Group gap={4} wrap="nowrap">
                {keys.map((key) => (
                  <Kbd key={key} size="xs">
                    {key}
                  </Kbd>
                ))}
              </Group>
            </Group>
          ))}
        </Stack>
      ))}
    </SimpleGrid>
  );
}
