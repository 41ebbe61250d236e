/** Writes `docs/METRICS.md` from the table of metrics: `npm run metrics`. */
import { writeFileSync } from 'node:fs';
import { projectFile } from '../../io/project.ts';
import { metricsDocument } from '../vnet/serve/metrics/document.ts';

writeFileSync(projectFile('docs/METRICS.md'), metricsDocument());
