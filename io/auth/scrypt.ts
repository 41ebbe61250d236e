/** Passwords as scrypt hashes (RFC 7914), in the form of the PHC string format: `$scrypt$ln=15,r=8,p=1$SALT$KEY`. */
import { randomBytes, scrypt, scryptSync, timingSafeEqual } from 'node:crypto';

export interface ScryptCost {
  /** Base-2 logarithm of N, 10..20. */
  readonly ln: number;
  /** Block size, 1..32. */
  readonly r: number;
  /** Parallelisation, 1..16. */
  readonly p: number;
}

export interface ScryptHash extends ScryptCost {
  readonly salt: Buffer;
  readonly key: Buffer;
}

/** 32 MiB and about 60 ms on a server of 2020. */
export const SCRYPT_COST: ScryptCost = { ln: 15, r: 8, p: 1 };

/** N * r * 128 bytes: what one verification may take of memory. */
const MOST_MEMORY = 256 << 20;
const SALT_BYTES = 16;
const KEY_BYTES = 32;

/** Hashes a secret with a fresh salt. The work is done in libuv's pool. */
export async function hashSecret(secret: string, cost: ScryptCost = SCRYPT_COST): Promise<ScryptHash> {
  const salt = randomBytes(SALT_BYTES);
  return { ...cost, salt, key: await derive(secret, salt, KEY_BYTES, cost) };
}

/** The same at once. */
export function hashSecretSync(secret: string, cost: ScryptCost = SCRYPT_COST): ScryptHash {
  const salt = randomBytes(SALT_BYTES);
  return { ...cost, salt, key: scryptSync(secret, salt, KEY_BYTES, scryptOptions(cost)) };
}

/** Whether the secret is the one that was hashed; takes the same time either way. */
export async function verifySecret(secret: string, hash: ScryptHash): Promise<boolean> {
  const key = await derive(secret, hash.salt, hash.key.length, hash);
  return timingSafeEqual(key, hash.key);
}

/** A hash that no secret fits, at the given cost. */
export function impossibleHash(cost: ScryptCost): ScryptHash {
  return { ln: cost.ln, r: cost.r, p: cost.p, salt: randomBytes(SALT_BYTES), key: randomBytes(KEY_BYTES) };
}

export function formatHash({ ln, r, p, salt, key }: ScryptHash): string {
  return `$scrypt$ln=${ln},r=${r},p=${p}$${base64(salt)}$${base64(key)}`;
}

/** @throws Error that says what is wrong with it */
export function parseHash(text: string): ScryptHash {
  const match = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/.exec(
    text,
  );
  if (!match) throw new Error('it is no scrypt hash; `vnet passwd` makes lines as they must be');
  const cost = { ln: Number(match[1]), r: Number(match[2]), p: Number(match[3]) };
  demandRange('ln', cost.ln, 10, 20);
  demandRange('r', cost.r, 1, 32);
  demandRange('p', cost.p, 1, 16);
  if (memoryOf(cost) > MOST_MEMORY) {
    throw new Error(
      `ln=${cost.ln} with r=${cost.r} takes more than ${MOST_MEMORY >> 20} MiB for one password`,
    );
  }
  const [salt, key] = [unbase64('salt', match[4] as string), unbase64('hash', match[5] as string)];
  if (salt.length < 8 || salt.length > 64) throw new Error('its salt must have 8 to 64 bytes');
  if (key.length < 16 || key.length > 64) throw new Error('its hash must have 16 to 64 bytes');
  return { ...cost, salt, key };
}

function demandRange(name: string, value: number, least: number, most: number): void {
  if (value < least || value > most) throw new Error(`${name}=${value} must be ${least} to ${most}`);
}

function memoryOf({ ln, r }: ScryptCost): number {
  return 128 * 2 ** ln * r;
}

function scryptOptions(cost: ScryptCost) {
  // OpenSSL counts some more than N * r * 128.
  return { N: 2 ** cost.ln, r: cost.r, p: cost.p, maxmem: memoryOf(cost) + (8 << 20) };
}

function derive(secret: string, salt: Buffer, bytes: number, cost: ScryptCost): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(secret, salt, bytes, scryptOptions(cost), (error, key) => (error ? reject(error) : resolve(key)));
  });
}

/** Without padding, as PHC strings have it. */
function base64(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '');
}

function unbase64(what: string, text: string): Buffer {
  const bytes = Buffer.from(text, 'base64');
  if (base64(bytes) !== text) throw new Error(`its ${what} is not good base64`);
  return bytes;
}
