import assert from "node:assert/strict";
import { messageId, signedHeaders } from "./signature.ts";

Deno.test("signedHeaders() gives what the specification's example has", () => {
  const id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
  const body = '{"test": 2432232314}';
  assert.deepEqual(
    signedHeaders(
      { id, timestampS: 1_614_265_330, body },
      "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    ),
    {
      "webhook-id": id,
      "webhook-timestamp": "1614265330",
      "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    },
  );
});

Deno.test("signedHeaders() takes any other text as the key itself, and none for none", () => {
  const signed = { id: "msg_1", timestampS: 1, body: "{}" };
  const headers = signedHeaders(signed, "a secret of some length");
  // printf 'msg_1.1.{}' | openssl dgst -sha256 -hmac 'a secret of some length' -binary | base64
  assert.equal(
    headers["webhook-signature"],
    "v1,tgFwzn66S2z3aQl/xnZL7fsLOpKwbGeFqMkHnnRyx8o=",
  );
  assert.deepEqual(signedHeaders(signed, null), {
    "webhook-id": "msg_1",
    "webhook-timestamp": "1",
  });
});

Deno.test("messageId() is the same for the same, and differs with each part", () => {
  const one = messageId(["main", "paused", "7"]);
  assert.equal(messageId(["main", "paused", "7"]), one);
  assert.match(one, /^msg_[0-9a-f]{32}$/);
  for (const other of [["main2", "paused", "7"], ["main", "paused7", ""]]) {
    assert.notEqual(messageId(other), one);
  }
});
