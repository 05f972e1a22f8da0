/**
 * Goal: the runbook's chapters about lost and restored data, each run line by
 * line as it stands there, end with a whole scope and the data that was promised.
 */
import assert from "node:assert/strict";
import { AgentCluster } from "../helpers/agent_cluster.ts";
import type { AgentMember } from "../helpers/agent_member.ts";
import { step } from "../helpers/step.ts";
import { matriarchCommand } from "../helpers/program.ts";
import { unprivileged } from "../helpers/unprivileged.ts";

const ROOT = new URL("../../", import.meta.url).pathname;
const DATA = "/var/lib/postgresql/15/main";

unprivileged(import.meta.url, () => {
  Deno.test("the runbook about lost and restored data", async (t) => {
    await using cluster = await AgentCluster.running({ members: 2 });
    const [one, two] = [cluster.member("n1"), cluster.member("n2")];
    await one.sql("CREATE TABLE t (id int); INSERT INTO t VALUES (1)");
    await step(
      t,
      "restoring by hand, beside the marker of a cut copy",
      async () => {
        const [stopAll = [], first = [], others = []] = chapter(
          "Restoring by hand",
        );
        const backup = `${cluster.directory}/backup`;
        for (const member of [two, one]) {
          await follow({ cluster, member, backup }, stopAll);
        }
        await shell(["cp", "-a", one.dataDir, backup]);
        leaveMarker(one);
        await follow({ cluster, member: one, backup }, first);
        await cluster.untilLeader(["n1"]);
        assert.match(
          one.log(),
          /it speaks of a clone in a directory that is not/,
        );
        assert.deepEqual(await ids(one), [1]);
        await follow({ cluster, member: two, backup }, others);
        await cluster.untilWhole();
        assert.deepEqual(await ids(two), [1]);
      },
    );
    await step(
      t,
      "a restored directory beside an old marker stays",
      async () => {
        await two.end();
        await shell(["sh", "-c", `printf 'clone\\n0 0\\n' > ${markerOf(two)}`]);
        Deno.writeTextFileSync(`${two.dataDir}/restored`, "by hand");
        two.start();
        await cluster.untilWhole();
        const aside = `${two.dataDir}.aside`;
        assert.equal(Deno.readTextFileSync(`${aside}/restored`), "by hand");
        assert.ok(two.log().includes(`was moved to ${aside}: doubtful_marker`));
      },
    );
    await step(t, "replaced disks", async () => {
      const [lines = []] = chapter("Replaced disks");
      const [stop = "", ...rest] = lines;
      await follow({ cluster, member: two, backup: "" }, [stop]);
      Deno.removeSync(two.dataDir, { recursive: true });
      await follow({ cluster, member: two, backup: "" }, rest);
      await cluster.untilWhole();
      assert.deepEqual(await ids(two), [1]);
    });
  });
});

/** The lines of each code block of a chapter. */
function chapter(title: string): readonly (readonly string[])[] {
  const text = Deno.readTextFileSync(`${ROOT}docs/runbook.md`);
  const body = text.split(/^## /m).find((part) => part.startsWith(title));
  assert.ok(body !== undefined, `there is no chapter "${title}"`);
  return [...body.matchAll(/```sh\n([^]*?)```/g)].map(([, block = ""]) =>
    block.trim().split("\n")
  );
}

interface Place {
  readonly cluster: AgentCluster;
  readonly member: AgentMember;
  readonly backup: string;
}

/** Does what the lines say, on the member's host. */
async function follow(
  { member, backup }: Place,
  lines: readonly string[],
): Promise<void> {
  for (const line of lines) {
    const words = line
      .replaceAll(DATA, member.dataDir)
      .replaceAll("/backup/main", backup)
      .replaceAll("/etc/matriarch.yml", member.configPath)
      .replace(/ main$/, " batman")
      // The test is the owner itself.
      .replace(" -o postgres -g postgres", "")
      .split(" ");
    if (line === "systemctl stop matriarch") await member.end();
    else if (line === "systemctl start matriarch") member.start();
    else if (words[0] === "matriarch") await program(words.slice(1));
    else await shell(words);
  }
}

async function shell(words: readonly string[]): Promise<void> {
  const [command = "", ...args] = words;
  const { code } = await new Deno.Command(command, { args }).output();
  assert.equal(code, 0, words.join(" "));
}

/** Answers what `remove` asks when nobody leads. */
async function program(words: readonly string[]): Promise<void> {
  const child = matriarchCommand(words, {
    cwd: ROOT,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode("batman\nYes I am aware\n"))
    .catch(() => {});
  await writer.close().catch(() => {});
  const { code, stderr } = await child.output();
  assert.equal(code, 0, `${words}: ${new TextDecoder().decode(stderr)}`);
}

function markerOf({ place }: AgentMember): string {
  return `${place.directory}/.data.matriarch-incomplete`;
}

/** What a copy into the directory that stands there now leaves when it is cut. */
function leaveMarker(member: AgentMember): void {
  const { dev, ino, birthtime } = Deno.statSync(member.dataDir);
  const directory = {
    device: dev,
    inode: ino,
    bornAt: birthtime?.getTime() ?? null,
  };
  const binding = { token: "cut", directory, isOwnProgram: true, folders: [] };
  Deno.writeTextFileSync(
    markerOf(member),
    `clone\n0 0\n${JSON.stringify(binding)}\n`,
  );
}

async function ids(member: AgentMember): Promise<readonly unknown[]> {
  return (await member.sql("SELECT id FROM t ORDER BY 1")).map(({ id }) => id);
}
