/** How a member of Patroni's becomes ours: its file serves as it is, so nothing has to be set up. */
import type { PatroniProcess } from "../../ports/setup_servers.ts";

/** That `init` is not what moves it, and the commands that do, without a restart. */
export function patroniText(
  { pid, configPath, unit }: PatroniProcess,
  program: string,
): string {
  const file = configPath ?? "FILE";
  const where = configPath === null ? ", its configuration" : "";
  return `Patroni (process ${pid}) runs PostgreSQL here with ${file}${where}. ` +
    "Its members move without init: their file and their keys in the store " +
    "serve as they are, and in maintenance mode no session is cut. With " +
    `"${program} run ${file}" in the unit of README.md, and "proxy: false" in ` +
    "the file where HAProxy has the ports (docs/migration.md):\n" +
    [
      `matriarch --validate-config --ignore-listen-port ${file}`,
      `patronictl -c ${file} pause --wait`,
      `systemctl disable --now ${unit ?? "patroni"}`,
      "systemctl enable --now matriarch",
      `matriarch -c ${file} resume --wait   (when all members have moved)`,
    ].map((command) => `    ${command}`).join("\n");
}
