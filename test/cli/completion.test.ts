/*
 * Completion as users see it: keys are typed into the real shells, and the resulting line is checked.
 */
import {mkdirSync, readFileSync, symlinkSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {commands, groups, nameOf} from '../../src/cli/commands.js';
import {program} from '../helpers/cli.js';
import {tempDirectory} from '../helpers/temp.js';
import {run, withTools} from '../helpers/tools.js';
import {elfinterp} from './elfinterp.js';

/** What is typed before the tab, and the line after it. */
const completions = [
  ['elfinterp che', 'elfinterp check '],
  ['elfinterp chroot ver', 'elfinterp chroot verify '],
  ['elfinterp get --so', 'elfinterp get --soname '],
  ['elfinterp show --format js', 'elfinterp show --format json '],
  ['elfinterp show --format=ht', 'elfinterp show --format=html '],
  ['elfinterp chroot create --arch arme', 'elfinterp chroot create --arch armel '],
  ['elfinterp set prog', 'elfinterp set program.elf '],
  ['elfinterp set --output prog', 'elfinterp set --output program.elf '],
  ['elfinterp get ~/prog', 'elfinterp get ~/program.elf '],
  ['elfinterp edit --files-from=prog', 'elfinterp edit --files-from=program.elf '],
  ['~/.bin/elfinterp get prog', '~/.bin/elfinterp get program.elf '],
  ['elfinterp bundle --into dir', 'elfinterp bundle --into directory/'],
  ['elfinterp chroot install dir', 'elfinterp chroot install directory/'],
  ['elfinterp completion z', 'elfinterp completion zsh '],
  ['elfinterp help doc', 'elfinterp help doctor '],
  ['elfinterp nonsense -', 'elfinterp nonsense -'],
  ['elfinterp-patchelf --set-int', 'elfinterp-patchelf --set-interpreter '],
  ['elfinterp-patchelf --set-interpreter prog', 'elfinterp-patchelf --set-interpreter program.elf '],
  ['elfinterp-patchelf --set-rpath prog', 'elfinterp-patchelf --set-rpath prog'],
  ['elfinterp-chrpath --repl', 'elfinterp-chrpath --replace '],
  ['elfinterp-chrpath --list prog', 'elfinterp-chrpath --list program.elf '],
] as const;

/** A directory with some files, where `elfinterp` is in the first directory of PATH. */
function place(t: ExecutionContext): {cwd: string; env: NodeJS.ProcessEnv} {
  const cwd = tempDirectory(t);
  for (const name of ['.bin', 'directory']) mkdirSync(path.join(cwd, name));
  symlinkSync(program, path.join(cwd, '.bin', 'elfinterp'));
  symlinkSync(process.execPath, path.join(cwd, '.bin', 'node'));
  writeFileSync(path.join(cwd, 'program.elf'), '');
  return {
    cwd,
    env: {PATH: `${path.join(cwd, '.bin')}:${process.env.PATH}`, TERM: 'xterm', HOME: cwd, ZDOTDIR: cwd},
  };
}

/** What a shell does with Ctrl-X r: it writes the line into a file, and empties it. */
const interactiveShells = {
  bash: {
    command: 'bash --norc --noprofile -i',
    set: `source <(elfinterp completion bash)
      bind -x '"\\C-xr": printf "%s\\n" "$READLINE_LINE" >> .lines; READLINE_LINE='`,
  },
  zsh: {
    command: 'zsh -i',
    set: `autoload -Uz compinit; compinit -u -D; source <(elfinterp completion zsh)
      report() { print -r -- "$BUFFER" >> .lines; BUFFER= }; zle -N report; bindkey '^Xr' report`,
  },
};

for (const [shell, {command, set}] of Object.entries(interactiveShells)) {
  test(
    `${shell} completes what is typed`,
    withTools((t) => {
      const {cwd, env} = place(t);
      // zsh reads .zshrc by itself.
      writeFileSync(path.join(cwd, '.zshrc'), shell === 'zsh' ? set : '');
      const keys = completions.map(([typed]) => `${typed}\t\x18r`).join('');
      const input = `${shell === 'bash' ? `${set}\n` : ''}${keys}exit\n`;
      run(shell, ['-c', 'true']);
      const {stdout} = run('script', ['-qec', command, '/dev/null'], {cwd, env, input});
      const lines = readFileSync(path.join(cwd, '.lines'), 'utf8').split('\n');
      t.deepEqual(lines, [...completions.map(([, completed]) => completed), ''], stdout);
    }),
  );
}

test(
  'fish completes what is typed, and says what it is',
  withTools((t) => {
    const {cwd, env} = place(t);
    const ask = (typed: string) =>
      run('fish', ['-c', `elfinterp completion fish | source; complete --do-complete "${typed}"`], {cwd, env})
        .stdout;
    for (const [typed, completed] of completions) {
      const words = ask(typed)
        .split('\n')
        .map((line) => line.split('\t')[0] ?? '');
      const word = completed.trim().split(' ').at(-1) ?? '';
      if (typed !== completed) t.true(words.includes(word), `${typed}: ${words.join(', ')}`);
    }
    t.true(ask('elfinterp ').includes('needed\tprint the libraries that each file needs (DT_NEEDED)\n'));
  }),
);

test('each command, option and choice is offered', (t) => {
  const offered = (...words: string[]) =>
    elfinterp('__complete', ...words)
      .stdout.split('\n')
      .map((line) => line.split('\t')[0]);
  for (const group of Object.keys(groups)) t.true(offered('').includes(group));
  for (const command of commands) {
    const words = nameOf(command).split(' ');
    t.true(offered(...words.slice(0, -1), '').includes(words.at(-1)));
    const options = offered(...words, '-');
    for (const [name, option] of Object.entries(command.options)) {
      t.true(options.includes(option.default === true ? `--no-${name}` : `--${name}`), `${words}: ${name}`);
      if (option.twoWays) t.true(options.includes(`--no-${name}`), `${words}: no ${name}`);
      if (option.choices !== undefined)
        t.deepEqual(offered(...words, `--${name}`, ''), [...option.choices, ':nothing', '']);
    }
  }
});

test('what has no command yet is offered options, and the value of an option is no file', (t) => {
  const words = (...typed: string[]) => elfinterp('__complete', ...typed).stdout.split('\n');
  t.deepEqual(
    words('-')
      .map((line) => line.split('\t')[0])
      .slice(0, 2),
    ['--help', '--version'],
  );
  // FILE and INTERPRETER are given; the argument of --output is neither.
  t.deepEqual(words('set', '--output', 'o', 'FILE', '/ld.so', ''), words('set', 'FILE', '/ld.so', ''));
});

test('what was given once is not offered again, unless it may be', (t) => {
  const {stdout} = elfinterp('__complete', 'edit', '-o', 'x', '--add-needed', 'y', '--rpath', 'z', '--');
  t.notRegex(stdout, /^--(output|rpath)\t/m);
  t.regex(stdout, /^--add-needed\t/m);
});

test('an unknown shell is complained of', (t) => {
  const {status, stderr} = elfinterp('completion', 'fsih');
  t.is(
    stderr,
    'elfinterp: no completion for fsih (did you mean fish?); there is one for bash, zsh, fish; see elfinterp completion --help\n',
  );
  t.is(status, 2);
});
