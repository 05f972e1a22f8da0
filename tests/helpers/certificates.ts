/** Certificates for TLS tests, made on the spot by openssl. */

/** A self-signed certificate that is server, client and CA at once. */
export interface TestCertificate {
  readonly cert: string;
  readonly key: string;
}

/**
 * A new certificate for 127.0.0.1.
 *
 * @param passphrase Of its key; null: the key is not encrypted.
 */
export async function selfSigned(
  name: string,
  passphrase: string | null = null,
): Promise<TestCertificate> {
  const folder = await Deno.makeTempDir({ prefix: "matriarch_cert_" });
  try {
    const { success, stderr } = await new Deno.Command("openssl", {
      args: [
        ...["req", "-x509", "-newkey", "ec", "-nodes", "-days", "2"],
        ...["-pkeyopt", "ec_paramgen_curve:prime256v1"],
        ...["-subj", `/CN=${name}`, "-addext", "subjectAltName=IP:127.0.0.1"],
        ...["-keyout", `${folder}/key.pem`, "-out", `${folder}/cert.pem`],
      ],
    }).output();
    if (!success) throw new Error(new TextDecoder().decode(stderr));
    if (passphrase !== null) await encrypt(`${folder}/key.pem`, passphrase);
    return {
      cert: await Deno.readTextFile(`${folder}/cert.pem`),
      key: await Deno.readTextFile(`${folder}/key.pem`),
    };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function encrypt(path: string, passphrase: string): Promise<void> {
  await Deno.writeTextFile(`${path}.pass`, passphrase);
  const { success, stderr } = await new Deno.Command("openssl", {
    args: [
      ...["pkcs8", "-topk8", "-v2", "aes256", "-in", path],
      ...["-passout", `file:${path}.pass`, "-out", `${path}.new`],
    ],
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  await Deno.rename(`${path}.new`, path);
}
