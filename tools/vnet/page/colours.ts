const COLOURS: Readonly<Record<string, string>> = {
  unauthenticated: '#9e9e9e',
  authenticated: '#42a5f5',
  handling: '#ffa726',
  binary: '#43a047',
  closed: '#6d4c41',
  running: '#43a047',
  stopped: '#6d4c41',
  open: '#43a047',
  opening: '#ffa726',
};

/** The colour of a state: of one that is not listed always the same one, made of its name. */
export function colour(state: string): string {
  const listed = Object.hasOwn(COLOURS, state) ? COLOURS[state] : undefined;
  if (listed !== undefined) return listed;
  const sum = [...state].reduce((value, char) => value * 31 + char.charCodeAt(0), 7);
  return `hsl(${sum % 360} 55% 50%)`;
}
