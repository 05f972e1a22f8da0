import { DynaliteServer } from "../helpers/dynalite.ts";
import { SeverableLink } from "../helpers/severable_link.ts";
import type { DcsFixture } from "./dcs_fixture.ts";
import { dynamoDcs, dynamoOptions } from "./dcs_dynamodb_access.ts";
import { dcsSuite } from "./dcs_suite.ts";

async function open(): Promise<DcsFixture> {
  const server = await DynaliteServer.start();
  const link = new SeverableLink(server.port);
  return {
    connect: (scopePath) => dynamoDcs(dynamoOptions(link.port, { scopePath })),
    freeze: () => Promise.resolve(server.freeze()),
    thaw: () => Promise.resolve(server.thaw()),
    cutConnections: () => Promise.resolve(link.cut()),
    isReadableWhenFrozen: false,
    [Symbol.asyncDispose]: async () => {
      await link[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

dcsSuite("DynamoDB", { open, skipReason: null });
