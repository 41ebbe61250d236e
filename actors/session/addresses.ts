/** Addresses as keys for limits. */

/**
 * The network that an address counts for where one client may have many addresses: an IPv6 address stands for its
 * /64, which is what a single machine gets (RFC 6177); any other stands for itself.
 * @param address IPv4 or IPv6 in any good form, with a zone or without, or another text, which is given back
 */
export function networkOf(address: string): string {
  const [plain = ''] = address.split('%');
  if (!plain.includes(':')) return address;
  const [left = '', right] = plain.split('::');
  const head = left === '' ? [] : left.split(':');
  const tail = right === undefined || right === '' ? [] : right.split(':');
  // An IPv4 address at the end takes the place of two groups.
  const groups = head.length + tail.length + (plain.includes('.') ? 1 : 0);
  const zeros = right === undefined ? 0 : Math.max(0, 8 - groups);
  const all = [...head, ...Array<string>(zeros).fill('0'), ...tail];
  return `${all
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::/64`;
}
