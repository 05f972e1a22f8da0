/** `completion`: the script that teaches a shell this program's words. */
import { completionScript, SHELLS } from "../completion.ts";
import type { OfflineCommand } from "../definition.ts";
import { UsageError } from "../errors.ts";

/** `completion`. */
export const COMPLETION_COMMAND: OfflineCommand = {
  name: "completion",
  isOwn: true,
  summary: "Print the completion script for a shell: bash, zsh or fish",
  arguments: [{ name: "SHELL", arity: "required", choices: SHELLS }],
  options: [],
  runOffline: ({ positionals }, { context, commands }) => {
    const shell = SHELLS.find((each) => each === positionals[0]);
    if (shell === undefined) {
      throw new UsageError(
        "completion",
        `Invalid value for 'SHELL': '${positionals[0]}' is not one of ${
          SHELLS.map((each) => `'${each}'`).join(", ")
        }.`,
      );
    }
    const { programName: program, otherCommands: others } = context;
    const script = completionScript(shell, { program, commands, others });
    context.terminal.write(script);
    return Promise.resolve();
  },
};
