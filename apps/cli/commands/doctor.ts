import type { Command } from 'commander';
import { CommandError } from '../command-error.js';
import { checkDocument, type CheckedDocument } from '../doctor/check-document.js';
import { checkEndpoints } from '../doctor/check-endpoints.js';
import { checkRouter } from '../doctor/check-router.js';
import { checkServices } from '../doctor/check-services.js';
import { checkKeysFile, checkSettings } from '../doctor/check-settings.js';
import { finding, inOrder, type Finding } from '../doctor/finding.js';
import { probeEndpoints } from '../doctor/probe-endpoints.js';
import { countsOf, reportLines, type DoctorReport } from '../doctor/report-view.js';
import { Source } from '../doctor/source.js';
import { EXIT_FINDINGS, EXIT_OK, EXIT_USAGE } from '../exit-codes.js';
import { readText } from '../read-document.js';
import { withRouterOptions, type RouterOptions } from '../router-api.js';
import { writeLines } from '../terminal/output.js';
import { terminalOf } from '../terminal/terminal.js';

const DESCRIPTION =
  'look for mistakes in a configuration, in the settings and at every endpoint, and say what to mend. Endpoints are asked for ' +
  'their health only, which wakes no GPU where health_url is what it has to be; --no-probe asks nobody';

interface DoctorOptions extends RouterOptions {
  readonly config?: string;
  readonly probe: boolean;
  readonly timeoutS: string;
  readonly strict?: boolean;
}

export function registerDoctor(program: Command, setExitCode: (code: number) => void): void {
  const command = program
    .command('doctor')
    .description(DESCRIPTION)
    .option('--config <file>', 'the configuration to look at (else BEACON_CONFIG)')
    .option('--no-probe', 'do not ask the endpoints for their health')
    .option('--timeout-s <seconds>', 'how long an endpoint may take to answer', '20')
    .option('--strict', 'warnings count as errors');
  withRouterOptions(command).action(async (options: DoctorOptions, self: Command) => {
    const source = self.getOptionValueSource('url');
    const report = await examine(options, source !== undefined && source !== 'default');
    const { errors, warnings } = countsOf(report);
    if (options.json === true) writeLines([JSON.stringify(documentOf(report))]);
    else {
      const { width, style } = terminalOf();
      writeLines(reportLines(report, Math.min(width, 120), style));
    }
    setExitCode(errors > 0 || (options.strict === true && warnings > 0) ? EXIT_FINDINGS : EXIT_OK);
  });
}

async function examine(options: DoctorOptions, isRouterNamed: boolean): Promise<DoctorReport> {
  const timeoutMs = Number(options.timeoutS) * 1000;
  if (!(timeoutMs > 0)) throw new CommandError('--timeout-s is to be a number of seconds', EXIT_USAGE);
  const environment = process.env;
  const file = options.config ?? (environment['BEACON_CONFIG'] || undefined);
  const findings: Finding[] = [];
  const checked: string[] = [];
  const skipped: string[] = [];

  const read = file === undefined ? undefined : await examineFile(file);
  if (read === undefined)
    skipped.push(
      'a configuration: none is named with --config or BEACON_CONFIG, so a local stand-in is served',
    );
  else findings.push(...read.findings);
  const configuration = read?.configuration;
  if (read?.source !== undefined && configuration !== undefined) {
    const { source, places } = read;
    findings.push(...checkEndpoints(configuration, source, places));
    checked.push(`${file ?? ''}: ${configuration.endpoints.length} endpoints`);
    if (options.probe) {
      const probed = await probeEndpoints(configuration, {
        ...{ timeoutMs, environment, now: () => Date.now() },
        at: (index, key) => source.at(['endpoints', places[index] ?? index, key]),
      });
      findings.push(...probed.findings);
      checked.push(`the health of endpoints: ${probed.asked} addresses asked`);
      if (probed.notAsked.length > 0)
        skipped.push(
          `${probed.notAsked.join(', ')}: without a health route, only a call could tell, and might start a GPU`,
        );
    } else skipped.push('the health of endpoints: --no-probe');
  } else if (file !== undefined) skipped.push('the endpoints: the configuration has to be mended first');

  findings.push(...checkSettings(environment, configuration), ...(await checkServices(environment)));
  const keysFile = environment['BEACON_API_KEYS_FILE'] ?? '';
  if (keysFile !== '') findings.push(...(await checkKeysFile(keysFile)));
  checked.push(
    `settings, Node.js ${process.versions.node}, data folder${keysFile === '' ? '' : ', keys file'}`,
  );

  if (isRouterNamed) {
    const router = await checkRouter(options, configuration);
    findings.push(...router.findings);
    checked.push(...router.notes);
  } else skipped.push('a running router: name it with --url');
  return { findings: inOrder(findings), checked, skipped };
}

async function examineFile(file: string): Promise<CheckedDocument & { source: Source | undefined }> {
  let text: string;
  try {
    text = await readText(file);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    const cure = 'correct --config or BEACON_CONFIG; deploy/beacon.example.yaml is one to begin with';
    const found = finding('config_unreadable', { file }, error.message, cure);
    return { configuration: undefined, places: [], source: undefined, findings: [found] };
  }
  const source = new Source(file, text);
  return { ...checkDocument(source), source };
}

function documentOf(report: DoctorReport): object {
  const { errors, warnings } = countsOf(report);
  return { ok: errors === 0, errors, warnings, ...report };
}
