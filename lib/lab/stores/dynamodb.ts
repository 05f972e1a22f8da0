/** An emulator of DynamoDB: dynalite, of npm. */
import { hasProgram } from "../programs.ts";
import { startServer } from "./server.ts";
import type { LabStore, StorePlan } from "./store.ts";

/** `--dcs dynamodb`. */
export const DYNAMODB: LabStore = {
  name: "dynamodb",
  what: "dynalite, an emulator in memory",
  needs: [{
    isThere: () => hasProgram("dynalite"),
    advice: "./scripts/lab of a checkout of Matriarch brings dynalite, which " +
      "plays DynamoDB (or put it on PATH: npm install -g dynalite)",
  }],
  plan: ({ directory: lab, firstPort: port, password }): StorePlan => {
    const directory = `${lab}/dynamodb`;
    const words = ["--host", "127.0.0.1", "--port", `${port}`];
    const args = [...words, "--createTableMs", "0"];
    return {
      section: {
        dynamodb: {
          ...{ endpoint: `http://127.0.0.1:${port}`, region: "local" },
          // It takes any.
          ...{ access_key_id: "lab", secret_access_key: password },
          create_table: true,
        },
      },
      ports: [{ port, use: "dynalite" }],
      start: async () => {
        await Deno.mkdir(directory, { recursive: true, mode: 0o700 });
        return await startServer({
          ...{ command: "dynalite", args, directory },
          what: `dynalite on port ${port} to answer`,
          isReady: () => isAnswering(port),
        });
      },
    };
  },
};

/** Without a signature it refuses, which shows that it is there. */
async function isAnswering(port: number): Promise<true | null> {
  const answer = await fetch(`http://127.0.0.1:${port}`, {
    signal: AbortSignal.timeout(1000),
  });
  await answer.body?.cancel();
  return true;
}
