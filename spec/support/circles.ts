/** Who points at whom; a name that points at nothing need not be there. */
export type Graph = ReadonlyMap<string, Iterable<string>>;

/**
 * The circles of a graph as paths, `[a, b, a]`, one for each arrow back that a walk in depth meets: none when there is
 * no circle, at least one when there is.
 */
export function circlesIn(graph: Graph): string[][] {
  const found: string[][] = [];
  const done = new Set<string>();
  const way: string[] = [];
  const visit = (name: string): void => {
    const met = way.indexOf(name);
    if (met >= 0) {
      found.push([...way.slice(met), name]);
      return;
    }
    if (done.has(name)) return;
    way.push(name);
    for (const next of graph.get(name) ?? []) visit(next);
    way.pop();
    done.add(name);
  };
  for (const name of graph.keys()) visit(name);
  return found;
}

/** The graph of groups: each name stands for the group it is in, and arrows inside of one group are left out. */
export function grouped(graph: Graph, groupOf: (name: string) => string): Graph {
  const groups = new Map<string, Set<string>>();
  for (const [name, targets] of graph) {
    const group = groupOf(name);
    const arrows = groups.get(group) ?? new Set();
    groups.set(group, arrows);
    for (const target of targets) if (groupOf(target) !== group) arrows.add(groupOf(target));
  }
  return groups;
}
