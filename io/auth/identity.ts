/** Identities and names of servers (PROTOCOL.md section 3). */
export const IDENTITY = /^[A-Za-z0-9._-]{1,64}$/;

export const IDENTITY_RULE = '1 to 64 letters, digits, dots, underscores and hyphens';

/** What `HELLO local` gives; a certificate cannot claim it. */
export const LOCAL_IDENTITY = 'local';

/** The identity of a HELLO without one, and of `VNET_PASSWORD`. */
export const DEFAULT_IDENTITY = 'default';
