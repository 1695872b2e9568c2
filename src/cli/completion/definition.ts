import type {Definition} from '../command.js';

export const completion = {
  usage: 'completion <shell>',
  summary: 'print the completion script of a shell',
  positionals: {shell: {describe: 'bash, zsh or fish', type: 'string', choices: ['bash', 'zsh', 'fish']}},
  options: {},
  examples: [
    {line: 'source <(elfinterp completion bash)', meaning: 'for ~/.bashrc'},
    {line: 'source <(elfinterp completion zsh)', meaning: 'for ~/.zshrc, after compinit'},
    {
      line: 'elfinterp completion fish > ~/.config/fish/completions/elfinterp.fish',
      meaning: 'for fish, once',
    },
  ],
} as const satisfies Definition;
