import { existsSync } from 'node:fs';
import { Option } from 'commander';
import type { Command } from 'commander';
import { fixedMilliseconds, parseDuration } from '../../core/duration.js';
import { DaybookError } from '../../core/errors.js';
import { asNote } from '../../core/evidence/notes.js';
import type { PublicKey } from '../../core/evidence/notes.js';
import type { CheckedArchive, Verification } from '../../operations/verify-trail.js';
import { anchorText } from '../anchor-text.js';
import { declare, entries, interruptible, printJson, printLines, withStore } from '../command.js';
import type { Context } from '../context.js';
import { collect } from '../filters.js';
import { resolveGlobals } from '../globals.js';
import type { Globals } from '../globals.js';
import { textOfFile } from '../input.js';
import { pinnedKey, witnessKeys } from '../pinned-key.js';
import { addSealKeyOption, sealKeyAtHand } from '../seal-key-path.js';
import type { SealKeyOption } from '../seal-key-path.js';
import { underOption } from '../under-option.js';

interface Options extends SealKeyOption {
  readonly key?: string;
  readonly checkpoint?: readonly string[];
  readonly archive?: readonly string[];
  readonly witnessKey?: readonly string[];
  readonly grace: string;
  readonly strict?: true;
  readonly proof?: string;
  readonly format?: 'json';
}

export function addVerify(program: Command, context: Context): void {
  const command = declare(program, 'verify', {
    does: 'checks',
    examples: [
      'verify --key audit.pub',
      "verify --key 'example.com/audit+8fd9c3a1+AbCd…' --checkpoint from-the-mail.txt",
      'verify --key audit.pub --strict --format json',
      'verify --key audit.pub --archive 2025.ndjson.gz --archive 2026.ndjson.gz',
      'verify --key audit.pub 4711.tlog-proof',
    ],
    notes:
      'It reads every sealed entry and compares it with its leaf, and every root with what was signed. The exit code is 3 if anything is found. The word intact is used only with --key: a key that comes from what is verified proves nothing. What was recorded since the last seal is counted, and not proved.',
  })
    .argument('[file...]', 'exports, archives, proofs and checkpoints to check instead of the database')
    .option('--proof <file>', 'what was written beside an export (default: its name with .proof)')
    .option('--key <line-or-file>', 'the public key, as seal init printed it, or a file that holds that line')
    .option('--checkpoint <file>', 'a checkpoint that was kept elsewhere (may be given again)', collect)
    .option('--archive <file>', 'an archive that answers for what was pruned into it (may be given again)', collect)
    .option(
      '--witness-key <line-or-file>',
      'the public key of a witness whose cosignatures are kept (may be given again)',
      collect,
    )
    .addOption(new Option('--grace <duration>', 'how long an entry may wait for a seal').default('26h'))
    .option('--strict', 'what is only suspicious is a fault as well');
  addSealKeyOption(command)
    .addOption(new Option('--format <format>', 'print it for programs').choices(['json']))
    .action(async (files: readonly string[], options: Options, self: Command) => {
      const globals = await resolveGlobals(self, context);
      if (files.length > 0) expectNoTrail(options);
      const pinned = options.key === undefined ? null : await pinnedKey(options.key, '--key');
      const found: Verification[] = [];
      for (const file of files) {
        found.push(await interruptible(context, (signal) => verifyOne(file, options, pinned, signal)));
      }
      if (files.length === 0) found.push(await verifyDatabase(options, pinned, globals, context));
      for (const one of found) {
        if (options.format === 'json') await printJson(one, context);
        else await printLines(await inWords(one), context);
      }
      const faults = found.filter(({ verdict }) => verdict === 'found');
      const told = await Promise.all(faults.map((one) => summary(one, options.strict === true)));
      if (told.length > 0) throw new DaybookError('findings', told.join('; '));
    });
}

/** Refuses what only the database can be checked with. Throws kind `usage`. */
function expectNoTrail({ checkpoint, archive, witnessKey }: Options): void {
  const given = { '--checkpoint': checkpoint, '--archive': archive, '--witness-key': witnessKey };
  const [stray] = Object.entries(given).flatMap(([name, files]) => (files === undefined ? [] : [name]));
  if (stray !== undefined) throw new DaybookError('usage', `${stray} goes with the database, and not with files`);
}

/** Checks a file: an export by what was written beside it, and all else with the key that is pinned. */
async function verifyOne(
  file: string,
  { proof, strict }: Options,
  pinned: PublicKey | null,
  signal: AbortSignal,
): Promise<Verification> {
  const proofs = proof ?? `${file}.proof`;
  if (proof !== undefined || existsSync(proofs)) {
    const { verifyExport } = await import('../../operations/verify-export.js');
    return verifyExport({ path: file, proofs, pinned, strict: strict === true, signal });
  }
  const { verifyFile } = await import('../../operations/verify-file.js');
  const text = textOfFile(file, file);
  if (pinned === null) throw new DaybookError('usage', `${file} is checked with a public key: give it with --key`);
  return verifyFile({ subject: file, text, pinned, strict: strict === true });
}

async function verifyDatabase(
  options: Options,
  pinned: PublicKey | null,
  globals: Globals,
  context: Context,
): Promise<Verification> {
  const { verifyTrail } = await import('../../operations/verify-trail.js');
  const { startProgress } = await import('../../terminal/progress.js');
  const checkpoints = (options.checkpoint ?? []).map((name) => ({
    name,
    text: asNote(textOfFile(name, `--checkpoint ${name}`)),
  }));
  const { checkArchive } = await import('../../operations/verify-export.js');
  const witnesses = await witnessKeys(options.witnessKey);
  const progress = startProgress(context.streams.stderr, { quiet: globals.quiet, verb: 'verified' });
  return withStore(
    context,
    globals,
    async (store) => {
      const origin = (await store.sealState()).trails.at(-1)?.origin;
      const key = await sealKeyAtHand(options, origin, context);
      return interruptible(context, async (signal) => {
        const archives: CheckedArchive[] = [];
        for (const path of options.archive ?? []) archives.push(await checkArchive(path, `${path}.proof`, signal));
        return verifyTrail(store, {
          subject: globals.db.shown,
          now: context.now(),
          grace: underOption('--grace', () => fixedMilliseconds(parseDuration(options.grace))),
          strict: options.strict === true,
          pinned,
          checkpoints,
          archives,
          witnesses,
          signed: key?.signed ?? null,
          signal,
          onProgress: (done) => void progress.update(done),
        });
      }).finally(() => progress.end());
    },
    { sequential: true },
  );
}

/** What was found, for people: first how far it reaches. */
async function inWords(found: Verification): Promise<string[]> {
  const { VERDICTS } = await import('../../core/evidence/verdicts.js');
  const { sealed, entries: counts, seals, key } = found;
  // A checkpoint from elsewhere need not say when it was signed.
  const until = sealed.at === null ? '' : ` up to ${sealed.at}`;
  const reach = sealed.size === 0 ? 'no entry is sealed' : `${entries(sealed.size)} sealed${until}`;
  const first = {
    intact: `intact: ${reach}, by the key that you gave`,
    'self-consistent': `self-consistent: ${reach}, by a key that came from the database itself (--key pins it)`,
    found: `not intact: ${reach}`,
  }[found.verdict];
  const parts = [
    `${counts.checked} checked`,
    ...(['pruned', 'archived', 'erased', 'imported', 'accepted'] as const).flatMap((name) =>
      counts[name] === 0 ? [] : [`${counts[name]} ${name}`],
    ),
    `${counts.unsealed} not sealed yet`,
    `${seals.checked} ${seals.checked === 1 ? 'seal' : 'seals'} checked${seals.skipped === 0 ? '' : `, ${seals.skipped} skipped`}`,
  ];
  return [
    first,
    parts.join(', '),
    ...found.anchors.map((anchor) => anchorText(anchor)),
    ...(key === null ? [] : [`key ${key.id} of ${found.origin ?? ''}`]),
    ...found.findings.map(({ code, severity, count, first: named, between }) => {
      const where = between === null ? named.join(', ') : `between entries ${between[0]} and ${between[1]}`;
      const more = count > named.length && between === null ? `, and ${count - named.length} more` : '';
      return `${severity === 'fault' ? 'FAULT' : 'note'} ${code}: ${VERDICTS[code].about}: ${where}${more}`;
    }),
  ];
}

async function summary(found: Verification, strict: boolean): Promise<string> {
  const faults = found.findings.filter(({ severity }) => severity === 'fault' || strict);
  if (faults.every(({ code }) => code === 'never-sealed')) return `nothing in ${found.subject} is sealed`;
  return `${found.subject} is not what was sealed: ${faults.map(({ code, count }) => `${code} (${count})`).join(', ')}`;
}
