import { Option } from 'commander';
import type { Command } from 'commander';
import type { Actor } from '../../core/entry.js';
import { DaybookError } from '../../core/errors.js';
import { keyLine } from '../../core/evidence/notes.js';
import { termsOf } from '../../core/evidence/terms.js';
import { textProblem } from '../../core/json.js';
import { shellWord } from '../../core/shell.js';
import type { Acceptance } from '../../operations/accept-inserted.js';
import type { KeyState, ToldSeal } from '../../operations/seal-status.js';
import type { SealState } from '../../store/audit-store.js';
import { anchorText } from '../anchor-text.js';
import {
  declare,
  entries,
  interruptible,
  note,
  originOf,
  printJson,
  printLines,
  printOutcome,
  withStore,
} from '../command.js';
import type { Context } from '../context.js';
import { collect } from '../filters.js';
import { resolveGlobals } from '../globals.js';
import type { Globals } from '../globals.js';
import { bytesOfFile } from '../input.js';
import { witnessKeys } from '../pinned-key.js';
import { addSealKeyOption, sealKeyAtHand, sealKeyPath } from '../seal-key-path.js';
import type { SealKeyOption } from '../seal-key-path.js';

interface Options extends SealKeyOption {
  readonly format?: 'json';
}

interface SealOptions extends Options {
  readonly acceptInserted?: true;
  readonly reason?: string;
}

const json = (): Option => new Option('--format <format>', 'print it for programs').choices(['json']);

export function addSeal(program: Command, context: Context): void {
  const group = declare(program, 'seal', {
    does: 'seals',
    examples: [
      'seal init',
      'seal --quiet   # in cron, beside the application',
      'seal --accept-inserted --reason "restored by hand on 3 May"',
    ],
    notes:
      'It hashes the entries that are new onto what the key signed last, and signs the new root. It holds the write lock for some milliseconds at a time. What is sealed is not read again. The page docs/evidence.md says what this proves, and against whom.',
  });
  addSealKeyOption(group)
    .option('--accept-inserted', 'seal what was inserted before the last seal as well: an entry tells of it')
    .option('--reason <text>', 'why it is accepted')
    .addOption(json())
    .action(async (options: SealOptions, self: Command) => {
      const globals = await resolveGlobals(self, context);
      const accept = acceptance(options, globals.actor);
      const { seal } = await import('../../operations/seal.js');
      const { readSealKey } = await import('../../operations/seal-key.js');
      const { startProgress } = await import('../../terminal/progress.js');
      const progress = startProgress(context.streams.stderr, { quiet: globals.quiet, verb: 'sealed' });
      await withStore(context, globals, async (store) => {
        const { origin } = expectSealed(await store.sealState());
        const key = readSealKey(sealKeyPath(options, origin, context));
        const result = await interruptible(context, (signal) =>
          seal(store, key, {
            now: context.now(),
            signal,
            ...(accept !== undefined && { accept }),
            onProgress: (done) => void progress.update(done),
          }),
        ).finally(() => progress.end());
        await printOutcome(context, globals, `sealed ${entries(result.added)}`, async () => {
          if (options.format === 'json') return printJson(result, context);
          const what = result.added === 0 ? 'nothing is new' : `sealed ${entries(result.added)}`;
          const late = result.accepted === 0 ? '' : `, ${result.accepted} of them inserted before`;
          await printLines([`${what}${late}; ${entries(result.size)} in all, root ${result.root}`], context);
        });
      });
    });
  addInit(group, context);
  addRotate(group, context);
  addResume(group, context);
  addAnchor(group, context);
  addStatus(group, context);
  addList(group, context);
  addKey(group, context);
}

/** Who accepts what was inserted, and why. Throws kind `usage` where one is given without the other. */
function acceptance({ acceptInserted, reason }: SealOptions, actor: Actor): Acceptance | undefined {
  if (acceptInserted === undefined && reason === undefined) return undefined;
  if (acceptInserted === undefined) throw new DaybookError('usage', '--reason goes with --accept-inserted');
  const problem =
    reason === undefined ? 'is missing' : reason.trim() === '' ? 'must not be empty' : textProblem(reason);
  if (reason !== undefined && problem === undefined) return { reason, actor };
  throw new DaybookError('usage', `--accept-inserted takes a reason: --reason ${problem ?? ''}`);
}

/** The trail's seals. Throws kind `missing` where nothing was ever begun. */
function expectSealed({ trails }: SealState): SealState['trails'][number] {
  const trail = trails.at(-1);
  if (trail !== undefined) return trail;
  throw new DaybookError('missing', 'nothing is sealed here yet', { hint: 'daybook seal init' });
}

function addInit(group: Command, context: Context): void {
  const init = declare(group, 'init', {
    does: 'changes',
    description: 'make a key, and begin to seal',
    examples: ['seal init', 'seal init --origin example.com/audit --seal-key /etc/daybook/audit.seal'],
    notes:
      'It prints the public key: keep that line where nobody who may change this machine can change it. Whoever has the key file can sign, so it stands outside the folder of the database.',
  });
  addSealKeyOption(init)
    .option('--origin <name>', 'what the trail is called in every seal, such as example.com/audit')
    .option('--force', 'let the key file lie beside the database')
    .addOption(json())
    .action(async (options: Options & { readonly origin?: string; readonly force?: true }, self: Command) => {
      const globals = await resolveGlobals(self, context);
      const { initSeals, newOrigin } = await import('../../operations/seal-init.js');
      const origin = options.origin ?? newOrigin();
      const path = sealKeyPath(options, origin, context);
      const line = await withStore(context, globals, (store) =>
        initSeals(store, { origin, path, force: options.force === true, actor: globals.actor }),
      );
      await printOutcome(context, globals, `began to seal as ${origin}, with the key in ${path}`, async () => {
        if (options.format === 'json') return printJson({ origin, key: line, key_file: path }, context);
        await printLines([line], context);
      });
      await note(
        context,
        globals,
        `the private key is in ${path}; keep the line above elsewhere: daybook verify --key needs it`,
      );
    });
}

function addRotate(group: Command, context: Context): void {
  const rotate = declare(group, 'rotate', {
    does: 'changes',
    description: 'hand over to a new key, and destroy the private part of the old one',
    examples: ['seal rotate', 'seal rotate --seal-key /etc/daybook/audit.seal'],
    notes:
      'It seals once more first. The old public key stays good for verify --key: the handover leads from it to the new one. The file is replaced; what a disk or a snapshot keeps of the old one is out of reach.',
  });
  addSealKeyOption(rotate)
    .addOption(json())
    .action(async (options: Options, self: Command) => {
      const globals = await resolveGlobals(self, context);
      const { readSealKey } = await import('../../operations/seal-key.js');
      const { rotateKey } = await import('../../operations/seal-terms.js');
      const rotated = await withStore(context, globals, async (store) => {
        const { origin } = expectSealed(await store.sealState());
        const key = readSealKey(sealKeyPath(options, origin, context));
        return rotateKey(store, key, { now: context.now(), actor: globals.actor });
      });
      await printOutcome(context, globals, 'handed over to a new key', async () => {
        if (options.format === 'json') return printJson(rotated, context);
        await printLines([rotated.key], context);
      });
    });
}

function addResume(group: Command, context: Context): void {
  const resume = declare(group, 'resume', {
    does: 'changes',
    description: 'go on from a restored database, under a new name',
    examples: [
      'seal resume --after-restore --reason "disk of 3 May, restored from the night before"',
      'seal resume --after-restore --reason "moved to a new disk" --seal-key /etc/daybook/audit.seal',
    ],
    notes:
      'It signs what the restored database shares with the lost one, and what is lost. From then on verify says resumed, always.',
  });
  addSealKeyOption(resume)
    .requiredOption('--after-restore', 'the newer database is lost: what it had beyond this one is gone')
    .requiredOption('--reason <text>', 'why')
    .option('--origin <name>', 'the new name')
    .addOption(json())
    .action(async (options: Options & { readonly reason: string; readonly origin?: string }, self: Command) => {
      const globals = await resolveGlobals(self, context);
      const { readSealKey } = await import('../../operations/seal-key.js');
      const { expectOrigin } = await import('../../operations/seal-init.js');
      const { resumeSeals } = await import('../../operations/seal-terms.js');
      if (options.origin !== undefined) expectOrigin(options.origin);
      const path = await withStore(context, globals, async (store) => {
        const file = sealKeyPath(options, expectSealed(await store.sealState()).origin, context);
        const { reason, origin = null } = options;
        const resumed = await resumeSeals(store, readSealKey(file), { origin, reason, actor: globals.actor });
        await printOutcome(context, globals, 'goes on under a new name', async () => {
          if (options.format === 'json') return printJson(resumed, context);
          await printLines([resumed.key], context);
        });
        return file;
      });
      await note(context, globals, `the key stays in ${path}: name it with --seal-key from now on, or rename it`);
    });
}

interface AnchorOptions {
  readonly request?: string;
  readonly add?: string;
  readonly witnessKey?: readonly string[];
  readonly force?: true;
  readonly format?: 'json';
}

function addAnchor(group: Command, context: Context): void {
  declare(group, 'anchor', {
    does: 'changes',
    doesWith: { '--request': 'reads' },
    description: 'ask somebody else for the time of a seal, and keep what they say',
    examples: [
      'seal anchor --request seal.tsq',
      'seal anchor --add seal.tsr',
      'seal anchor --add cosigned.txt --witness-key witness.pub',
    ],
    notes:
      'It uses no network. --request writes a request of RFC 3161 for the last seal, which curl takes to an authority. --add keeps its answer, a file of OpenTimestamps, or a checkpoint with the cosignature of a witness. daybook checks of which seal each is; docs/evidence.md says how openssl checks who has signed it.',
  })
    .addOption(
      new Option('--request <file>', 'write a request for a timestamp of the last seal there').conflicts('add'),
    )
    .option('--add <file>', 'keep an answer, an .ots file, or a checkpoint with cosignatures')
    .option(
      '--witness-key <line-or-file>',
      'the public key of the witness that has cosigned (may be given again)',
      collect,
    )
    .option('--force', 'replace a file that exists')
    .addOption(json())
    .action(async (options: AnchorOptions, self: Command) => {
      const globals = await resolveGlobals(self, context);
      const { request, add } = options;
      if (request !== undefined) return writeRequest(request, options, globals, context);
      if (add === undefined) throw new DaybookError('usage', 'either --request or --add says what to do');
      const content = bytesOfFile(add, `--add ${add}`);
      const witnesses = await witnessKeys(options.witnessKey);
      const { addAnchor: keep } = await import('../../operations/anchors.js');
      const told = await withStore(context, globals, async (store) => {
        expectSealed(await store.sealState());
        return keep(store, { name: add, content, witnesses, actor: globals.actor });
      });
      await printOutcome(context, globals, 'the anchor is kept', async () => {
        if (options.format === 'json') return printJson(told, context);
        await printLines([anchorText(told)], context);
      });
    });
}

async function writeRequest(file: string, options: AnchorOptions, globals: Globals, context: Context): Promise<void> {
  const { outputPlaces } = await import('../../operations/output-place.js');
  const { openOutput } = await import('../../operations/output-file.js');
  const { requestTimestamp } = await import('../../operations/anchors.js');
  const place = outputPlaces(originOf(globals, context), { '--request': file })['--request'];
  const { size, request } = await withStore(context, globals, async (store) => {
    expectSealed(await store.sealState());
    return requestTimestamp(store);
  });
  const output = await openOutput(place, { force: options.force === true, gzip: false });
  try {
    await output.write(request);
    await output.finish();
  } finally {
    await output.abandon();
  }
  if (options.format === 'json') return printJson({ request: file, size }, context);
  await note(
    context,
    globals,
    `a request for the seal over ${entries(size)} is in ${file}; send it with: curl -H 'Content-Type: application/timestamp-query' --data-binary @${shellWord(file)} -o answer.tsr URL`,
  );
}

/** How a key file stands to the database, for people. */
const KEY_STATES: Readonly<Record<KeyState, string>> = {
  level: 'has signed what the database holds',
  pending: 'was cut off while it signed: the next seal keeps that',
  behind: 'has signed more than the database holds',
  old: 'is an old copy',
};

function addStatus(group: Command, context: Context): void {
  const status = declare(group, 'status', {
    does: 'reads',
    description: 'how much is sealed, how long ago, and what is not',
    examples: ['seal status', 'seal status --format json'],
  });
  addSealKeyOption(status)
    .addOption(json())
    .action(async (options: Options, self: Command) => {
      const globals = await resolveGlobals(self, context);
      const { sealStatus } = await import('../../operations/seal-status.js');
      const found = await withStore(context, globals, async (store) => {
        const { origin } = expectSealed(await store.sealState());
        return sealStatus(store, await sealKeyAtHand(options, origin, context));
      });
      if (options.format === 'json') return printJson(found, context);
      await printLines(
        [
          `origin      ${found.origin}`,
          `key         ${found.key.line}`,
          `sealed      ${found.sealed.at === null ? 'nothing yet' : `${entries(found.sealed.size)}, at ${found.sealed.at}`}`,
          `not sealed  ${found.unsealed === 0 ? 'none' : `${entries(found.unsealed)}, since ${found.waiting_since ?? ''}`}`,
          `key file    ${found.key_file === null ? 'not at hand' : `${found.key_file.path}, ${KEY_STATES[found.key_file.state]}`}`,
          ...found.anchors.map((anchor) => anchorText(anchor).replace('anchor: ', 'anchor      ')),
          ...found.terms.map(({ key, from, to }) => `term        ${key}, from ${from} to ${to ?? 'now'}`),
        ],
        context,
      );
    });
}

function addList(group: Command, context: Context): void {
  declare(group, 'list', {
    does: 'reads',
    description: 'print every seal: signed checkpoints, oldest first',
    examples: ['seal list', 'seal list --format json'],
  })
    .addOption(json())
    .action(async (options: { readonly format?: 'json' }, self: Command) => {
      const globals = await resolveGlobals(self, context);
      const { toldSeals } = await import('../../operations/seal-status.js');
      const { stdout } = context.streams;
      await withStore(context, globals, async (store) => {
        expectSealed(await store.sealState());
        let before = options.format === 'json' ? '{"seals":[' : '';
        for await (const seal of toldSeals(store)) {
          const text = options.format === 'json' ? JSON.stringify(seal) : await shown(seal);
          await stdout.write(before + text);
          before = options.format === 'json' ? ',\n' : '\n';
        }
        if (options.format === 'json') await stdout.write(`${before.startsWith('{') ? before : ''}]}\n`);
      });
    });

  /** A checkpoint, and for people what others said of it: elsewhere only the checkpoint is a signed note. */
  async function shown({ note: text, anchors }: ToldSeal): Promise<string> {
    if (!context.streams.stdout.isTerminal) return text;
    const { visible } = await import('../../terminal/sanitize.js');
    const lines = anchors.map((anchor) => `${anchorText(anchor)}\n`).join('');
    return visible(text + (lines === '' ? '' : `\n${lines}`), { newlines: 'keep' });
  }
}

function addKey(group: Command, context: Context): void {
  declare(group, 'key', {
    does: 'reads',
    description: 'print the public key',
    examples: ['seal key', 'seal key --db audit.db > audit.pub'],
    notes: 'It comes from the database, so it proves nothing by itself: compare it with what seal init printed.',
  })
    .addOption(json())
    .action(async (options: { readonly format?: 'json' }, self: Command) => {
      const globals = await resolveGlobals(self, context);
      const { origin, key } = await withStore(context, globals, async (store) => {
        const state = await store.sealState();
        const current = termsOf(state.trails, state.handovers)?.at(-1)?.key;
        const trail = expectSealed(state);
        return current === undefined ? trail : { ...trail, key: keyLine(current) };
      });
      if (options.format === 'json') return printJson({ origin, key }, context);
      await printLines([key], context);
      await note(
        context,
        globals,
        `check with: daybook --db ${shellWord(globals.db.shown)} verify --key ${shellWord(key)}`,
      );
    });
}
