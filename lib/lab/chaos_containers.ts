/** The members of `compose.yaml`, by the engine's own command line. */
import { ChaosError, type ChaosPlace, type ChaosVerb } from "./chaos_place.ts";

/** The port of the leader in each container. */
const PRIMARY_PORT = 5000;
const CALL_MS = 60_000;
const PASSWORD_FILE = "/secrets/made/superuser_password";
const SERVICE = "com.docker.compose.service";
const PROJECT = "com.docker.compose.project";

/** A container of a compose project. */
interface Container {
  readonly id: string;
  readonly service: string;
  readonly project: string;
}

/** Compose projects with members; none without an engine. */
export async function runningContainers(): Promise<readonly ChaosPlace[]> {
  const all = await containers();
  return [...new Set(all.map(({ project }) => project))].map((project) => {
    const own = all.filter((one) => one.project === project);
    return {
      what: `compose project ${project}`,
      members: own.map(({ service }) => service),
      do: async (verb, member) => {
        const found = own.find(({ service }) => service === member);
        if (found !== undefined) await act(verb, found);
      },
      clientUrl: (beside) =>
        clientUrl(own.filter(({ service }) => service !== beside)),
    };
  });
}

async function containers(): Promise<readonly Container[]> {
  const ids = await docker(
    ...["ps", "--all", "--quiet", "--no-trunc"],
    ...["--filter", "ancestor=localhost/matriarch"],
    ...["--filter", `label=${SERVICE}`],
  ).catch(() => "");
  if (ids === "") return [];
  // Podman's `ps` cannot print a label, and both engines' `inspect` can.
  const format = ["{{.ID}}", ...[SERVICE, PROJECT].map(labelField)].join("\t");
  const listed = await docker(
    "inspect",
    "--format",
    format,
    ...ids.split("\n"),
  );
  return listed.split("\n").map((line) => {
    const [id = "", service = "", project = ""] = line.split("\t");
    return { id, service, project };
  });
}

function labelField(name: string): string {
  return `{{index .Config.Labels "${name}"}}`;
}

async function act(
  verb: ChaosVerb,
  { id, service, project }: Container,
): Promise<void> {
  const network = `${project}_default`;
  switch (verb) {
    case "kill":
      await docker("kill", id);
      return;
    case "freeze":
      await docker("pause", id);
      return;
    case "cut":
      await docker("network", "disconnect", network, id);
      return;
    case "heal": {
      const state = await docker(
        ...["inspect", "--format", "{{.State.Status}}", id],
      );
      if (state === "paused") await docker("unpause", id);
      // Podman has words of its own for one that has just ended.
      else if (state !== "running") await docker("start", id);
      // Compose gives a container its service's name there; so must we.
      await docker("network", "connect", "--alias", service, network, id)
        .catch((error) => {
          if (!/already (?:exists|connected)/.test(String(error))) throw error;
        });
    }
  }
}

async function clientUrl(others: readonly Container[]): Promise<string> {
  const failures: string[] = [];
  for (const { id } of others) {
    try {
      const password = await docker("exec", id, "cat", PASSWORD_FILE);
      const [address = ""] = (await docker("port", id, `${PRIMARY_PORT}/tcp`))
        .split("\n");
      const port = address.slice(address.lastIndexOf(":") + 1);
      return `postgres://postgres:${encodeURIComponent(password)}` +
        `@127.0.0.1:${port}/postgres?sslmode=require`;
    } catch (error) {
      failures.push(error instanceof Error ? error.message : String(error));
    }
  }
  throw new ChaosError(
    `No other container takes the client in: ${failures.join("; ")}`,
  );
}

/** What it printed. @throws {ChaosError} With its own words. */
async function docker(...args: readonly string[]): Promise<string> {
  const command = Deno.env.get("DOCKER") ?? "docker";
  const { success, stdout, stderr } = await new Deno.Command(command, {
    args: [...args],
    stdin: "null",
    signal: AbortSignal.timeout(CALL_MS),
  }).output();
  const text = new TextDecoder();
  if (success) return text.decode(stdout).trim();
  throw new ChaosError(text.decode(stderr).trim());
}
