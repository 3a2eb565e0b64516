import {
  createPrivateKey,
  createPublicKey,
  randomBytes,
  randomInt,
  scrypt,
  sign,
  verify,
  type KeyObject,
} from "node:crypto";

/** Codes of a sheet: 12 characters of Crockford base 32, 60 random bits, in groups that can be read aloud. */
const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";
const CHARACTERS = 12;
/** 32 MB and about 0.1 s for each guess: 2^60 of them last longer than anybody lives. */
const COST = { N: 2 ** 15, r: 8, p: 1, maxmem: 64 * 1024 * 1024 };
/** PKCS #8 and SPKI of an Ed25519 key up to its 32 bytes (RFC 8410). */
const PRIVATE = Buffer.from("302e020100300506032b657004220420", "hex");
const PUBLIC = Buffer.from("302a300506032b6570032100", "hex");

/** What stands on the paper, in order. */
export function newCodes(count: number): string[] {
  return Array.from({ length: count }, () => {
    const text = Array.from({ length: CHARACTERS }, () => ALPHABET[randomInt(ALPHABET.length)]).join("");
    return text.replaceAll(/(.{4})(?=.)/g, "$1-");
  });
}

export function newSalt(): string {
  return randomBytes(16).toString("base64");
}

/** How a code is typed is a person's matter: case, spaces, and the letters that look like digits. */
function normalised(code: string): string {
  return code.toLowerCase().replaceAll(/[\s-]/g, "").replaceAll("o", "0").replaceAll(/[il]/g, "1");
}

/**
 * A code is the seed of a key pair: the file of the person holds the public keys alone, and what leaves the terminal is a
 * signature over one approval, from which nobody can make another one.
 */
export interface CodeKey {
  /** 32 bytes, base64. */
  publicKey: string;
  /** Signature of a text, base64. */
  sign(text: string): string;
}

export async function keyOf(code: string, salt: string): Promise<CodeKey> {
  const seed = await derive(normalised(code), Buffer.from(salt, "base64"));
  const key = createPrivateKey({ key: Buffer.concat([PRIVATE, seed]), format: "der", type: "pkcs8" });
  return {
    publicKey: rawPublic(key).toString("base64"),
    sign: (text) => sign(null, Buffer.from(text, "utf8"), key).toString("base64"),
  };
}

/** False for anything that is not this key's signature of this text. */
export function isSignedBy(publicKey: string, text: string, signature: string): boolean {
  try {
    const der = Buffer.concat([PUBLIC, Buffer.from(publicKey, "base64")]);
    const key = createPublicKey({ key: der, format: "der", type: "spki" });
    return verify(null, Buffer.from(text, "utf8"), key, Buffer.from(signature, "base64"));
  } catch {
    return false;
  }
}

function derive(code: string, salt: Buffer): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  scrypt(code, salt, 32, COST, (error, key) => (error ? reject(error) : resolve(key)));
  return promise;
}

function rawPublic(key: KeyObject): Buffer {
  return createPublicKey(key).export({ format: "der", type: "spki" }).subarray(PUBLIC.length);
}
